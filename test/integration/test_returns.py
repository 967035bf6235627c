"""GetReturnAnalytics."""
import pytest

from told_shop import MAY, YEAR_BEFORE, open_shop

STEP = "orders.return."


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        yield s


def test_each_return_counts_once_at_the_first_of_each_step(shop):
    for i in range(8):
        shop.order(f"o{i}", f"05-0{i + 1} 12:00")
    shop.order("old", "04-30 23:59")
    # Steps out of order, the same step told by two sources, one return of an older order.
    shop.tell(STEP + "approved", "05-11 10:00", return_id="a", order_id="o0")
    shop.tell(STEP + "requested", "05-10 11:00", source="other", return_id="a", order_id="o0", reason={"code": "late"})
    shop.tell(STEP + "requested", "05-10 10:00", return_id="a", order_id="o0", reason={"code": "damaged"})
    shop.tell(STEP + "requested", "05-12 10:00", return_id="b", order_id="o1", reason={"code": "damaged"})
    shop.tell(STEP + "rejected", "05-13 10:00", return_id="b", order_id="o1")
    shop.tell(STEP + "requested", "05-31 23:59", return_id="c", order_id="old")
    shop.tell(STEP + "completed", "06-01 00:00", return_id="c", order_id="old")
    shop.tell(STEP + "requested", "06-02 00:00", return_id="d", order_id="o2", reason={"code": "size"})
    assert shop.ask("returns", **MAY) == {
        # o0, o1 and, though in June, o2 of eight
        "metrics": {"requested": "3", "approved": "1", "rejected": "1", "completed": "0", "returnRate": 37.5,
                    "refundedAmount": 0},
        "reasons": [{"reason": "damaged", "count": "2"}, {"count": "1"}],
    }  # fmt: skip
    # Late news: the first request was in April.
    shop.tell(STEP + "requested", "04-29 10:00", return_id="a", order_id="o0", reason={"code": "early"})
    got = shop.ask("returns", **MAY)
    assert got["metrics"]["requested"] == "2" and got["metrics"]["approved"] == "1"
    assert got["reasons"] == [{"reason": "damaged", "count": "1"}, {"count": "1"}]
    april = shop.ask("returns", startDate="2025-04-01", endDate="2025-04-30")
    assert april["reasons"] == [{"reason": "early", "count": "1"}] and april["metrics"]["returnRate"] == 100


def test_money_paid_back_has_the_rate_of_its_orders_day(shop):
    refund = "payment.payment.refunded"
    shop.rate("07-01", "EUR", "1.5")
    shop.rate("07-20", "EUR", "3")
    shop.order("eur", "07-01 12:00", 100, currency="EUR")
    shop.order("gbp", "07-01 12:00", 100, currency="GBP")
    shop.tell(refund, "07-20 12:00", payment_id="p1", order_id="eur", amount=10.01, currency="EUR")  # 15.015
    shop.tell(refund, "07-20 12:00", payment_id="p2", order_id="unheard of", amount=1, currency="EUR")  # of its own day
    shop.tell(refund, "07-20 12:00", payment_id="p3", order_id="gbp", amount=50, currency="GBP")  # no rate
    shop.tell(refund, "07-20 12:00", payment_id="p4", order_id="o", amount=0.5)
    july = {"startDate": "2025-07-20", "endDate": "2025-07-20"}
    assert shop.ask("returns", **july)["metrics"]["refundedAmount"] == 15.02 + 3 + 0.5
    assert "returnRate" not in shop.ask("returns", **july)["metrics"]


def test_days_are_those_of_the_zone_asked_for(shop):
    shop.tell(STEP + "requested", "08-09 18:14", return_id="z1", order_id="x")
    shop.tell(STEP + "requested", "08-09 18:15", return_id="z2", order_id="x")  # midnight of August 10 at Kathmandu
    day = {"startDate": "2025-08-10", "endDate": "2025-08-10"}
    assert shop.ask("returns", **day)["metrics"]["requested"] == "0"
    assert shop.ask("returns", timeZone="Asia/Kathmandu", **day)["metrics"]["requested"] == "1"


def test_a_range_without_anything(shop):
    assert shop.ask("returns", **YEAR_BEFORE) == {
        "metrics": {"requested": "0", "approved": "0", "rejected": "0", "completed": "0", "refundedAmount": 0},
        "reasons": [],
    }
