"""GetPaymentAnalytics."""
import pytest

from told_shop import MAY, YEAR_BEFORE, open_shop


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        yield s


def test_methods_and_failures(shop):
    def pay(kind, at, amount=10, **data):
        shop.tell(f"payment.payment.{kind}", at, payment_id="p", order_id=data.pop("order_id", "o"), amount=amount, **data)

    pay("failed", "05-01 10:00", failure_reason="declined", payment_method="CARD")
    pay("failed", "05-01 10:01", failure_reason="declined")
    pay("failed", "05-01 10:02")
    pay("processed", "05-01 10:03", 10.5, payment_method="CARD")  # of the same payment, at last
    pay("processed", "05-31 23:59", 1, payment_method="CARD")
    pay("processed", "06-01 00:00", 1000, payment_method="CARD")
    pay("processed", "05-02 00:00", 7)
    pay("refunded", "05-02 00:00", 5, payment_method="CARD")  # neither one nor the other
    shop.rate("05-10", "EUR", "1.1")
    shop.rate("05-11", "EUR", "2")
    shop.order("eur", "05-10 12:00", 0.05, currency="EUR")
    pay("processed", "05-11 12:00", 0.05, order_id="eur", currency="EUR", payment_method="WIRE")  # 0.055
    pay("processed", "05-11 12:00", 1, order_id="unheard of", currency="EUR", payment_method="WIRE")
    pay("processed", "05-12 12:00", 1, order_id="unheard of", currency="EUR", payment_method="WIRE")  # no rate
    pay("processed", "05-12 12:00", 1, order_id="unheard of", currency="GBP", payment_method="CASH")  # no rate
    assert shop.ask("payments", **MAY) == {
        "metrics": {"processed": "7", "failed": "3", "successRate": 70},
        "methods": [
            {"method": "WIRE", "count": "3", "amount": 2.06},
            {"method": "CARD", "count": "2", "amount": 11.5},
            {"method": "CASH", "count": "1"},
            {"count": "1", "amount": 7},
        ],
        "failures": [{"reason": "declined", "count": "2"}, {"count": "1"}],
    }
    late_evening = {"startDate": "2025-05-31", "endDate": "2025-05-31", "timeZone": "Pacific/Apia"}  # 13 hours ahead
    assert shop.ask("payments", **late_evening)["metrics"] == {"processed": "0", "failed": "0"}
    hour = {"startDate": "2025-05-31T23:30:00Z", "endDate": "2025-06-01T00:30:00Z"}
    assert shop.ask("payments", **hour)["methods"] == [{"method": "CARD", "count": "2", "amount": 1001}]


def test_a_range_without_anything(shop):
    assert shop.ask("payments", **YEAR_BEFORE) == {
        "metrics": {"processed": "0", "failed": "0"},
        "methods": [],
        "failures": [],
    }
