"""GetRevenueAnalytics, GetOrderAnalytics and GetProductPerformance of a shop so small that its figures are counted by
hand; over gRPC and HTTP."""
import datetime as dt
import urllib.parse

import pytest
from google.protobuf import json_format

import random_shop as shop
from answers_truth import UTC, D
from random_shop import event, set_rate

SERVICE = "api.analytics.v1.AnalyticsService/"
PATHS = {
    "GetRevenueAnalytics": "revenue",
    "GetOrderAnalytics": "orders",
    "GetProductPerformance": "products/performance",
}
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=UTC)  # a Monday
MAY_4_5 = {"start_date": "2026-05-04", "end_date": "2026-05-05", "time_zone": "UTC"}
HAT = {"product_id": "hat", "category": "hats", "brand": "acme"}
SHOE = {"product_id": "shoe", "category": "shoes"}
BAG = {"product_id": "bag"}


def hours(n):
    return NOON + dt.timedelta(hours=n)


def bought(n, order, amount, items, **fields):
    return event(
        hours(n), "purchase", order=order, amount=D(amount), items=items,
        **{"currency": "USD", "customer": "c1", "status": "CONFIRMED", **fields},
    )  # fmt: skip


def said(n, order, status, kind="order_status_changed"):
    return event(hours(n), kind, order=order, status=status)


def small_shop():
    """Four orders on two days: o1 is delivered, o2 cancelled, o3 in a currency without a rate, o4 the day after."""
    return [
        bought(0, "o1", "30.50", [{**HAT, "quantity": 2, "price": 10, "cost": 4}, {**SHOE, "quantity": 1, "price": 5}]),
        bought(5, "o1", "99", [{**HAT, "quantity": 9, "price": 10}]),  # counts once, as the first says
        said(20, "o1", "SHIPPED"),
        said(30, "o1", "DELIVERED"),
        said(25, "o1", "SHIPPED"),  # late: not the latest
        event(hours(3), "fulfillment_status_changed", order="o1", status="COMPLETED", properties={"fulfillment_id": "f"}),
        bought(1, "o2", "8.25", [{**BAG, "quantity": D("0.5"), "price": D("16.49")}], customer="c2"),
        said(2, "o2", "CANCELLED", "order_cancelled"),
        bought(2, "o3", "1000", [{**SHOE, "quantity": 3, "price": 100, "cost": 1}], currency="JPY"),
        bought(24, "o4", "7", [{**HAT, "quantity": 1, "price": 7, "cost": 3, "brand": "zenith"}]),
        said(1, "o5", "PENDING", "order_created"),
        said(1, "o6", "PENDING", "order_created"),
        said(2, "o6", "CANCELLED", "order_cancelled"),
        event(hours(4), "payment_refunded", order="o1", amount=D("5.25"), currency="USD"),
        event(hours(4), "payment_refunded", order="o3", amount=D("100"), currency="JPY"),  # without a rate as well
        event(hours(-24), "purchase", order="o0", amount=D(20), status="PAID"),
        *(event(hours(n), "product_view", product="hat", properties={"name": "Hat"}) for n in range(4)),
        event(hours(1), "add_to_cart", product="hat"),
        event(hours(1), "product_view", product="lamp", properties={"category": "lamps"}),
        event(hours(1), "stock_changed", product="hat", properties={"sku": "H", "warehouse_id": "a", "quantity": 7}),
        event(hours(1), "stock_changed", product="lamp", properties={"sku": "L", "warehouse_id": "a", "quantity": 0}),
    ]


@pytest.fixture
def shopping(db, service):
    shop.store(db, small_shop())
    shop.settle(db)
    return service


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(w.title() for w in rest)


def ask(service, rpc, **arguments):
    """The answer, the same through both doors."""
    query = urllib.parse.urlencode({camel(k): v for k, v in arguments.items()}, doseq=True)
    a = service.http("GET", f"/api/v1/analytics/{PATHS[rpc]}?{query}")
    assert a.status == 200, a
    said_there = json_format.MessageToDict(service.call(SERVICE + rpc, **arguments))
    printed = {k: v for k, v in a.json.items() if v != []}  # gRPC has no empty lists
    assert {**said_there, "dataAsOf": ""} == {**printed, "dataAsOf": ""}
    return a.json


def test_revenue(shopping):
    got = ask(shopping, "GetRevenueAnalytics", **MAY_4_5)
    assert got["summary"] == {
        "totalRevenue": 45.75,  # 30.50 + 8.25 + 7
        "refunds": 5.25,
        "netRevenue": 40.5,
        "itemRevenue": 40.25,  # 20 + 5 + 8.245, half up + 7
        "averageDailyRevenue": 22.88,
        "revenueGrowth": pytest.approx(100 * 25.75 / 20),
        "grossMargin": pytest.approx(100 * (27 - 11) / 27),
        "totalTransactions": "3",
    }
    assert [(p["date"], p["revenue"], p["orders"], p["customers"]) for p in got["dataPoints"]] == [
        ("2026-05-04", 38.75, "3", "2"),
        ("2026-05-05", 7, "1", "1"),
    ]
    assert got["excluded"] == [{"currency": "JPY", "amount": 1000, "orders": "1"}]
    assert [(p["id"], p.get("name"), p["revenue"], p["orders"], p["unitsSold"]) for p in got["topProducts"]] == [
        ("hat", "Hat", 27, "2", 3),
        ("bag", None, 8.25, "1", 0.5),
        ("shoe", None, 5, "2", 4),
    ]
    assert [(c.get("id"), c["revenue"], c["orders"]) for c in got["topCategories"]] == [
        ("hats", 27, "2"),
        (None, 8.25, "1"),
        ("shoes", 5, "2"),
    ]


def test_with_a_category_or_brand_all_figures_are_of_items(shopping):
    got = ask(shopping, "GetRevenueAnalytics", **MAY_4_5, categories=["hats", "shoes"], brands=["acme", ""])
    assert got["summary"] == {
        "totalRevenue": 25,
        "itemRevenue": 25,
        "averageDailyRevenue": 12.5,
        "grossMargin": 60,
        "totalTransactions": "1",
    }
    assert [(p["revenue"], p["orders"], p["customers"]) for p in got["dataPoints"]] == [(25, "2", "1"), (0, "0", "0")]
    assert got["excluded"] == [{"currency": "JPY", "amount": 300, "orders": "1"}]


def test_a_new_rate_corrects_every_figure(db, shopping):
    set_rate(db, "2026-05-04", "JPY", D("0.01"))
    shop.settle(db)
    got = ask(shopping, "GetRevenueAnalytics", **MAY_4_5)
    assert got["summary"]["totalRevenue"] == 55.75 and got["summary"]["totalTransactions"] == "4"
    assert got["summary"]["refunds"] == 6.25 and got["summary"]["itemRevenue"] == 43.25
    assert got["excluded"] == []


@pytest.mark.parametrize(
    "unit, zone, labels",
    [
        ("week", "UTC", ["2026-04-27", "2026-05-04"]),
        ("month", "Asia/Kathmandu", ["2026-05-01"]),
        ("hour", "Asia/Kathmandu", ["2026-05-03T12:00:00+05:45", "2026-05-03T13:00:00+05:45"]),
        ("hour", "America/New_York", ["2026-05-03T02:00:00-04:00", "2026-05-03T03:00:00-04:00", "2026-05-03T04:00:00-04:00"]),
    ],
)
def test_points_are_whole_local_periods(service, unit, zone, labels):
    span = {"hour": ("2026-05-03T06:40:00Z", "2026-05-03T08:15:00Z")}.get(unit, ("2026-05-03T06:40:00Z", "2026-05-04T00:00:01Z"))
    got = ask(service, "GetRevenueAnalytics", start_date=span[0], end_date=span[1], time_zone=zone, group_by=unit)
    assert [p["date"] for p in got["dataPoints"]] == labels


@pytest.mark.parametrize("day, zone, n", [("2026-03-08", "America/New_York", 23), ("2025-11-02", "America/New_York", 25),
                                          ("2026-04-05", "Australia/Lord_Howe", 25)])  # fmt: skip
def test_a_day_has_as_many_hours_as_its_clock_shows(service, day, zone, n):
    got = ask(service, "GetRevenueAnalytics", start_date=day, end_date=day, time_zone=zone, group_by="hour")
    assert len({p["date"] for p in got["dataPoints"]}) == len(got["dataPoints"]) == n


def test_orders(shopping):
    got = ask(shopping, "GetOrderAnalytics", **MAY_4_5)
    assert got["metrics"] == {
        "totalOrders": "4",
        "averageOrderValue": 15.25,
        "orderGrowth": 300,
        "pendingOrders": "1",
        "completedOrders": "1",
        "cancelledOrders": "1",
        "cancellationRate": 25,
    }
    assert got["statusDistribution"] == [
        {"status": "CONFIRMED", "count": "2", "percentage": 50},
        {"status": "CANCELLED", "count": "1", "percentage": 25},
        {"status": "DELIVERED", "count": "1", "percentage": 25},
    ]
    assert [(p["date"], p["orders"], p["averageValue"]) for p in got["trendData"]] == [
        ("2026-05-04", "3", 19.38),
        ("2026-05-05", "1", 7),
    ]
    assert got["fulfillment"] == {"fulfillmentRate": 25, "averageFulfillmentTimeHours": 3, "pendingFulfillment": "2"}


def test_orders_of_some_statuses(shopping):
    got = ask(shopping, "GetOrderAnalytics", **MAY_4_5, statuses=["DELIVERED", "PENDING"])
    assert got["metrics"] == {
        "totalOrders": "1",
        "averageOrderValue": 30.5,
        "pendingOrders": "1",
        "completedOrders": "1",
        "cancelledOrders": "0",
        "cancellationRate": 0,
    }
    assert [p["orders"] for p in got["trendData"]] == ["1", "0"]
    assert got["fulfillment"] == {"fulfillmentRate": 100, "averageFulfillmentTimeHours": 3, "pendingFulfillment": "0"}


def test_products(shopping):
    got = ask(shopping, "GetProductPerformance", **MAY_4_5, limit=2)
    assert got["products"] == [
        {
            "productId": "hat", "name": "Hat", "sku": "H", "category": "hats", "brand": "zenith", "revenue": 27,
            "unitsSold": "3", "views": "4", "cartAdds": "1", "conversionRate": 50, "popularityScore": 37,
            "stockLevel": "7", "margin": pytest.approx(100 * 16 / 27),
        },
        {"productId": "bag", "revenue": 8.25, "unitsSold": "1", "views": "0", "cartAdds": "0", "popularityScore": 5},
    ]  # fmt: skip
    assert got["summary"] == {"totalProducts": "4", "productsSold": "3", "outOfStock": "1", "averageConversionRate": 25}


@pytest.mark.parametrize(
    "sort_by, first",
    [("revenue", "hat"), ("units", "shoe"), ("views", "hat"), ("conversion", "hat")],
)
def test_products_in_the_order_asked_for(shopping, sort_by, first):
    got = ask(shopping, "GetProductPerformance", **MAY_4_5, sort_by=sort_by)
    assert got["products"][0]["productId"] == first and len(got["products"]) == 4


def test_products_of_a_category(shopping):
    got = ask(shopping, "GetProductPerformance", **MAY_4_5, categories=["lamps"])
    assert [p["productId"] for p in got["products"]] == ["lamp"] and got["products"][0]["stockLevel"] == "0"
    assert got["summary"] == {"totalProducts": "1", "productsSold": "0", "outOfStock": "1", "averageConversionRate": 0}


def test_a_stored_event_that_is_not_projected_leaves_its_day_open(db, launch):
    service = launch(db, projector=0)
    shop.store(db, [bought(0, "o1", "30.50", [])])
    before = db.value("SELECT made_at FROM projection_marks")
    got = ask(service, "GetRevenueAnalytics", **MAY_4_5)
    assert [(p["orders"], p["final"]) for p in got["dataPoints"]] == [("0", False), ("0", True)]
    assert dt.datetime.fromisoformat(got["dataAsOf"]) == before


@pytest.mark.parametrize(
    "rpc, field, arguments",
    [
        ("GetRevenueAnalytics", "groupBy", {"groupBy": "year"}),
        ("GetRevenueAnalytics", "categories", {"categories": ["c"] * 101}),
        ("GetRevenueAnalytics", "brands", {"brands": "b" * 201}),
        ("GetRevenueAnalytics", "endDate", {"startDate": "2026-05-04", "endDate": "2026-05-03"}),
        # More hours than an answer holds: no retry would ever be answered.
        (
            "GetRevenueAnalytics",
            "endDate",
            {"startDate": "2017-01-01", "endDate": "2026-12-31", "groupBy": "hour"},
        ),
        ("GetOrderAnalytics", "statuses", {"statuses": ["s"] * 101}),
        ("GetProductPerformance", "limit", {"limit": 0}),
        ("GetProductPerformance", "limit", {"limit": 1001}),
        ("GetProductPerformance", "sortBy", {"sortBy": "price"}),
        ("GetProductPerformance", "timeZone", {"timeZone": "Mars/Olympus"}),
    ],
)
def test_a_bad_argument_is_named(service, rpc, field, arguments):
    a = service.http("GET", f"/api/v1/analytics/{PATHS[rpc]}?{urllib.parse.urlencode(arguments, doseq=True)}")
    assert a.status == 400, a
    assert f'"{field}"' in a.body.decode().replace(" ", "")
