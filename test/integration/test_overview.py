"""GetDashboardOverview by single rules of its definitions: events go straight into the table."""
import datetime as dt
import urllib.parse

import pytest
from google.protobuf import json_format

import random_shop as shop
from answers_truth import STAGES, UTC, D
from random_shop import event, set_rate

PATH = "/api/v1/analytics/dashboard/overview"
RPC = "api.analytics.v1.AnalyticsService/GetDashboardOverview"


def store(db, events):
    shop.store(db, events)
    shop.settle(db)


def ask(service, **arguments):
    query = urllib.parse.urlencode(arguments)
    return service.http("GET", PATH + ("?" + query if query else ""))


def overview(service, **arguments):
    a = ask(service, **arguments)
    assert a.status == 200, a
    return a.json


# -- single rules -----------------------------------------------------------------------------------------------------
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=UTC)
MAY_4 = {"startDate": "2026-05-04", "endDate": "2026-05-04", "timeZone": "UTC"}


def purchase(at=NOON, **fields):
    return event(
        at,
        "purchase",
        **{
            "order": "o1",
            "amount": D("10.00"),
            "currency": "USD",
            "customer": "c1",
            "session": "s1",
            **fields,
        },
    )


def test_nothing_stored_is_zero_where_it_is_counted_and_absent_where_it_is_a_rate(service):
    got = overview(service, **MAY_4)
    assert got["metrics"] == {"totalRevenue": 0, "totalOrders": "0", "activeCustomers": "0"}
    assert got["revenueTrend"] == [
        {
            "date": "2026-05-04",
            "revenue": 0,
            "orders": "0",
            "customers": "0",
            "final": dt.datetime.now(UTC) > NOON + dt.timedelta(hours=12),
        }
    ]
    assert got["salesByCategory"] == []
    assert got["conversionFunnel"] == {"stages": [{"stage": s, "users": "0"} for s in STAGES]}


def test_an_earlier_purchase_that_arrives_late_moves_the_order(db, service):
    store(db, [purchase(amount=D("99.00"))])
    assert overview(service, **MAY_4)["metrics"]["totalRevenue"] == 99
    store(
        db,
        [
            purchase(
                NOON - dt.timedelta(days=40),
                amount=D("11.00"),
                received=NOON + dt.timedelta(days=1),
            )
        ],
    )
    assert overview(service, **MAY_4)["metrics"]["totalOrders"] == "0"
    assert (
        overview(service, startDate="2026-03-25", endDate="2026-03-25")["metrics"]["totalRevenue"]
        == 11
    )


def test_of_purchases_at_the_same_time_the_one_of_the_least_key_is_the_order(db, service):
    twins = sorted((purchase(amount=D(n)) for n in (100, 200, 300)), key=lambda e: e.key)
    store(db, twins[:0:-1])
    store(db, twins[:1])
    assert overview(service, **MAY_4)["metrics"]["totalRevenue"] == twins[0].amount


def test_money_without_a_rate_is_left_out_until_the_rate_comes(db, service):
    lines = [{"product_id": "p", "quantity": 2, "price": D("10.00"), "category": "hats"}]
    store(db, [purchase(amount=D("20.01"), currency="EUR", items=lines)])
    got = overview(service, **MAY_4)
    assert got["metrics"]["totalOrders"] == "1" and got["metrics"]["totalRevenue"] == 0
    assert "averageOrderValue" not in got["metrics"]
    assert got["salesByCategory"] == [{"category": "hats", "revenue": 0, "orders": "1"}]
    assert got["revenueTrend"][0]["customers"] == "1"
    set_rate(db, "2026-05-04", "EUR", D("1.5"))
    shop.settle(db)
    got = overview(service, **MAY_4)
    assert got["metrics"]["totalRevenue"] == 30.02 == got["metrics"]["averageOrderValue"]
    assert got["salesByCategory"] == [
        {"category": "hats", "revenue": 30, "orders": "1", "percentage": 100}
    ]


@pytest.mark.parametrize(
    "minutes, reached",
    [
        ({s: [5] for s in STAGES}, 5),                                         # equal times qualify
        ({"page_view": [5], "product_view": [4]}, 1),  # too early for its stage
        (
            {"page_view": [5], "product_view": [4, 7], "add_to_cart": [6]},
            2,
        ),  # before the view that counts
        (
            {
                "page_view": [5, 1],
                "product_view": [2],
                "add_to_cart": [3],
                "checkout": [3],
                "purchase": [9],
            },
            5,
        ),
        ({"product_view": [1], "purchase": [2]}, 0),  # never entered
        ({"page_view": [-800], "product_view": [1]}, 0),  # entered before the range
    ],
)
def test_a_session_reaches_stages_in_order(db, service, minutes, reached):
    store(
        db,
        [
            event(
                NOON + dt.timedelta(minutes=m),
                kind,
                session="s",
                order="o" if kind == "purchase" else None,
                amount=D(1) if kind == "purchase" else None,
                currency="USD",
            )
            for kind, times in minutes.items()
            for m in times
        ],
    )
    stages = overview(service, **MAY_4)["conversionFunnel"]["stages"]
    assert [s["users"] for s in stages] == ["1"] * reached + ["0"] * (5 - reached)


@pytest.mark.parametrize("zone, day, start, end", [
    ("Asia/Kathmandu", "2025-06-01", "2025-05-31T18:15Z", "2025-06-01T18:15Z"),
    ("America/New_York", "2025-03-09", "2025-03-09T05:00Z", "2025-03-10T04:00Z"),
    ("Australia/Lord_Howe", "2025-04-06", "2025-04-05T13:00Z", "2025-04-06T13:30Z"),
    ("America/Havana", "2025-03-09", "2025-03-09T05:00Z", "2025-03-10T04:00Z"),  # begins at 01:00
    ("America/Havana", "2025-11-02", "2025-11-02T04:00Z", "2025-11-03T05:00Z"),  # has two midnights
])
def test_a_local_day_is_as_long_as_its_clock_says(db, service, zone, day, start, end):
    start, end, tick = dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end), dt.timedelta(microseconds=1)
    store(db, [purchase(t, order=str(t)) for t in (start - tick, start, end - tick, end)])
    got = overview(service, startDate=day, endDate=day, timeZone=zone)
    assert got["metrics"]["totalOrders"] == "2"
    assert [(p["date"], p["orders"]) for p in got["revenueTrend"]] == [(day, "2")]
    assert got["metrics"]["orderGrowth"] == 100             # the day before has one


def test_the_answer_says_up_to_when_it_is_complete(db, service):
    before = db.value("SELECT clock_timestamp()")
    got = overview(service, dateRange="today", timeZone="Asia/Kathmandu")
    assert (
        before <= dt.datetime.fromisoformat(got["dataAsOf"]) <= db.value("SELECT clock_timestamp()")
    )
    assert got["dataAsOf"].endswith("Z") and len(got["dataAsOf"]) == len(
        "2026-01-01T00:00:00.000000Z"
    )
    assert [p["final"] for p in got["revenueTrend"]] == [False]


def test_grpc_and_http_say_the_same(db, service):
    store(
        db,
        [
            purchase(items=[{"product_id": "p", "quantity": 1, "price": 9, "category": "hats"}]),
            event(NOON, "page_view", session="s1"),
        ],
    )
    answer = service.call(
        RPC, start_date="2026-05-04", end_date="2026-05-04T23:00:00Z", time_zone="UTC"
    )
    got = overview(service, startDate="2026-05-04", endDate="2026-05-04T23:00:00Z", timeZone="UTC")
    assert {**json_format.MessageToDict(answer), "dataAsOf": ""} == {**got, "dataAsOf": ""}
    assert got["metrics"]["totalRevenue"] == 10


@pytest.mark.parametrize(
    "field, arguments",
    [
        ("dateRange", {"dateRange": "8d"}),
        ("dateRange", {"dateRange": "7D"}),
        ("dateRange", {"dateRange": "7d", "startDate": "2026-01-01", "endDate": "2026-01-02"}),
        ("dateRange", {"dateRange": "7d", "endDate": "2026-01-02"}),
        ("startDate", {"endDate": "2026-01-02"}),
        ("startDate", {"startDate": "2026-02-29", "endDate": "2026-03-02"}),
        ("startDate", {"startDate": "2026-01-01T00:00:00", "endDate": "2026-03-02"}),
        ("startDate", {"startDate": "yesterday", "endDate": "2026-03-02"}),
        ("endDate", {"startDate": "2026-01-01", "endDate": "2026-1-2"}),
        ("endDate", {"startDate": "2026-01-01", "endDate": "2026-01-02T24:00:00Z"}),
        ("endDate", {"startDate": "2026-01-02", "endDate": "2026-01-01"}),
        ("endDate", {"startDate": "2026-01-02T00:00:00Z", "endDate": "2026-01-02T05:30:00+05:30"}),
        ("endDate", {"startDate": "9000-01-01"}),
        ("endDate", {"startDate": "2000-01-01", "endDate": "2026-01-01"}),
        ("timeZone", {"timeZone": "Mars/Olympus"}),
        ("timeZone", {"timeZone": "Europe/Paris5"}),
        ("timeZone", {"timeZone": "PDT"}),
        ("timeZone", {"timeZone": "FOO+5"}),
        ("timeZone", {"timeZone": "right/UTC"}),
        ("timeZone", {"timeZone": "../etc/passwd"}),
    ],
)
def test_a_bad_argument_is_named(service, field, arguments):
    a = ask(service, **arguments)
    assert a.status == 400, a
    assert f'"{field}"' in a.body.decode().replace(" ", "")
