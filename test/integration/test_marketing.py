"""GetMarketingAnalytics."""
import pytest

from told_shop import MAY, YEAR_BEFORE, open_shop


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        yield s


def view(shop, session, at, source=None):
    data = {"traffic_source": source} if source else {}
    shop.tell("analytics.page_view", at, page_url="/", session_id=session, **data)


def test_sources(shop):
    view(shop, "s1", "05-01 12:05", "mail")
    view(shop, "s1", "05-01 12:00", "google")  # it came from there, as turns out later
    view(shop, "s2", "05-01 12:00", "google")
    view(shop, "s3", "05-01 12:00")
    view(shop, "before and after", "04-30 23:50", "google")  # around the range, not in it
    view(shop, "before and after", "06-01 00:10", "google")
    view(shop, "across", "04-30 23:50", "mail")  # cut by the start of the range
    view(shop, "across", "05-01 00:10", "mail")
    view(shop, "long", "04-20 12:00", "mail")
    view(shop, "long", "05-20 12:00", "mail")
    view(shop, "long", "06-20 12:00", "mail")
    shop.order("o1", "05-01 12:10", 100, session_id="s1", traffic_source="google")
    shop.order("o2", "05-01 12:10", 50, session_id="s1")  # says nothing: its session does
    shop.order("o3", "05-01 12:10", 30)
    shop.order("o4", "05-02 12:10", 20, currency="EUR", traffic_source="mail")  # no rate
    spend = "marketing.spend.recorded"
    shop.rate("05-05", "EUR", "0.5")
    shop.tell(spend, "05-05 12:00", campaign="spring", amount=40, traffic_source="google")
    shop.tell(spend, "05-05 12:00", campaign="autumn", amount=0.01, currency="EUR", traffic_source="google")  # 0.005
    shop.tell(spend, "05-06 12:00", campaign="spring", amount=5, currency="EUR", traffic_source="google")  # no rate
    shop.tell(spend, "05-06 12:00", campaign="poster", amount=12)
    shop.tell(spend, "06-01 00:00", campaign="poster", amount=1000)
    assert shop.ask("marketing", **MAY) == {
        "sources": [
            {"source": "google", "sessions": "2", "orders": "2", "revenue": 150, "spend": 40.01, "roas": 150 / 40.01},
            {"sessions": "1", "orders": "1", "revenue": 30},
            {"source": "mail", "sessions": "2", "orders": "1", "revenue": 0},
            {"source": "poster", "sessions": "0", "orders": "0", "revenue": 0, "spend": 12, "roas": 0},
        ],
        "promotions": [],
    }


def test_promotions(shop):
    use = "promotion.usage.recorded"
    shop.rate("07-05", "EUR", "1.25")
    shop.tell(use, "07-05 12:00", promotion_code="TEN", order_id="a", discount_amount=1.5)
    shop.tell(use, "07-05 12:00", promotion_code="TEN", order_id="b", discount_amount=1, currency="EUR")
    shop.tell(use, "07-06 12:00", promotion_code="TEN", order_id="c", discount_amount=1, currency="EUR")  # no rate
    shop.tell(use, "07-06 12:00", promotion_code="GIFT", order_id="c")  # worth nothing that is known
    shop.tell(use, "07-06 12:00", promotion_code="NONE", order_id="c", discount_amount=0)
    july = {"startDate": "2025-07-01", "endDate": "2025-07-31"}
    assert shop.ask("marketing", **july)["promotions"] == [
        {"code": "TEN", "uses": "3", "discount": 2.75},
        {"code": "GIFT", "uses": "1"},
        {"code": "NONE", "uses": "1", "discount": 0},
    ]


def test_a_range_without_anything(shop):
    assert shop.ask("marketing", **YEAR_BEFORE) == {"sources": [], "promotions": []}
