"""GetDashboardOverview against a naive reading of its definitions: events go straight into the table, and every
figure is computed again here, event by event, with exact decimals and Python's own time zones."""
import collections
import contextlib
import datetime as dt
import json
import random
import urllib.parse
import uuid
import zoneinfo

import psycopg2.extras
import pytest
from google.protobuf import json_format

from overview_truth import DECIMALS, STAGES, UTC, D, Truth, midnight, range_before

ZONES = [
    "UTC",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "CET",
]
PATH = "/api/v1/analytics/dashboard/overview"
RPC = "api.analytics.v1.AnalyticsService/GetDashboardOverview"
# Days on which clocks change: New York and Havana in March and November, Lord Howe in April, Cairo in April and October.
CHANGES = [
    dt.datetime(2025, 3, 9, tzinfo=UTC),
    dt.datetime(2025, 4, 5, tzinfo=UTC),
    dt.datetime(2025, 4, 25, tzinfo=UTC),
    dt.datetime(2025, 11, 1, tzinfo=UTC),
]
INSERT = """INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source, schema_version,
    session_id, customer_id, order_id, amount, currency, items, properties) VALUES %s"""

Event = collections.namedtuple(
    "Event",
    "at received key type session customer order amount currency items",
    defaults=(None,) * 6,
)


def event(at, kind, received=None, **fields):
    return Event(at, received or at, str(uuid.uuid4()), kind, **fields)


def store(db, events):
    rows = [
        (
            e.at,
            e.received,
            e.key,
            e.type,
            e.key,
            "test",
            "v1",
            e.session,
            e.customer,
            e.order,
            e.amount,
            e.currency,
            json.dumps(e.items, default=float) if e.items is not None else None,
            "{}",
        )
        for e in events
    ]
    with contextlib.closing(db.connect()) as c, c.cursor() as cursor:
        for month in {(e.at.year, e.at.month) for e in events}:
            cursor.execute("SELECT ensure_events_month(%s)", (dt.datetime(*month, 1, tzinfo=UTC),))
        psycopg2.extras.execute_values(cursor, INSERT, rows, page_size=1000)


def set_rate(db, day, currency, rate):
    db.execute(
        "INSERT INTO fx_rates VALUES (%s, %s, %s) ON CONFLICT (day, currency) DO UPDATE SET rate = excluded.rate",
        day,
        currency,
        rate,
    )


def ask(service, **arguments):
    query = urllib.parse.urlencode(arguments)
    return service.http("GET", PATH + ("?" + query if query else ""))


def overview(service, **arguments):
    a = ask(service, **arguments)
    assert a.status == 200, a
    return a.json


# -- the definitions, read naively ------------------------------------------------------------------------------------
def compare(got, want):
    """Equal: money, counts and dates exactly, rates but for the last bits."""

    def rates(x):
        if isinstance(x, dict):
            return {
                k: pytest.approx(v, rel=1e-12)
                if k.endswith(("Rate", "Growth", "rate", "percentage"))
                else rates(v)
                for k, v in x.items()
            }
        return [rates(v) for v in x] if isinstance(x, list) else x

    got = {
        **got,
        "salesByCategory": sorted(got["salesByCategory"], key=lambda c: str(c.get("category"))),
    }
    want = {
        **want,
        "salesByCategory": sorted(want["salesByCategory"], key=lambda c: str(c.get("category"))),
    }
    got.pop("dataAsOf")
    for part, value in want.items():
        assert got[part] == rates(value), part
    assert got.keys() == want.keys()


# -- a shop without sense, full of coincidences -------------------------------------------------------------------------
def items(rnd, decimals):
    return [
        {
            "product_id": f"p{rnd.randrange(9)}",
            "quantity": rnd.randrange(1, 4),
            "price": D(rnd.randrange(100000)).scaleb(-decimals).quantize(D(1).scaleb(-decimals)),
            **rnd.choice(
                [
                    {"category": "hats"},
                    {"category": "shoes"},
                    {"category": "Ünïcode \"x\""},
                    {"category": ""},
                    {},
                ]
            ),
        }
        for _ in range(rnd.randrange(4))
    ]


def random_events(rnd, now):
    """Times on a coarse grid, so that many are equal and many stand at a day's edge; few orders, bought again and again."""
    events = []
    for center, n in [(c, 350) for c in CHANGES] + [
        (now - dt.timedelta(days=20), 800),
        (now - dt.timedelta(days=3), 600),
    ]:
        width = 20 if center.year < now.year or n == 800 else 3
        for _ in range(n):
            at = center + dt.timedelta(minutes=15 * rnd.randrange(-96 * width, 96 * width))
            at = min(
                at
                - dt.timedelta(
                    minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond
                ),
                now,
            )
            kind = rnd.choice(
                [
                    *STAGES,
                    "purchase",
                    "remove_from_cart",
                    "customer_login",
                    "customer_registered",
                    "order_created",
                ]
            )
            common = dict(
                session=rnd.choice([None, *(f"s{at.month}-{i}" for i in range(40))]),
                received=now + dt.timedelta(seconds=rnd.randrange(3)),
                customer=rnd.choice([None, *(f"c{i}" for i in range(60))]),
            )
            if kind == "purchase":
                currency = rnd.choice(["USD", "USD", "EUR", "JPY", "KWD"])
                decimals = DECIMALS[currency]
                common.update(
                    order=f"o{at.month}-{rnd.randrange(120)}"
                    if rnd.random() < 0.9
                    else f"o-{rnd.randrange(30)}",
                    amount=D(rnd.randrange(10000000))
                    .scaleb(-decimals)
                    .quantize(D(1).scaleb(-decimals)),
                    currency=currency,
                    items=items(rnd, decimals) if rnd.random() < 0.9 else None,
                )
            events.append(event(at, kind, **common))
            if rnd.random() < 0.1:  # a microsecond off the grid, on either side
                events[-1] = events[-1]._replace(
                    at=min(at + dt.timedelta(microseconds=rnd.choice([-1, 1])), now)
                )
    return events


def random_rates(rnd, days):
    """On most days, for two currencies of four: rates that make many a half of the smallest unit."""
    return {
        (day, currency): rnd.choice(
            [D("1.5"), D("0.5"), D("1.105"), D("0.0065"), D("151.25"), D("3.2575")]
        )
        for day in days
        for currency in ("EUR", "JPY", "USD")
        if rnd.random() < 0.6
    }


def random_range(rnd, zone, now):
    """(arguments, start, end), both by the definition."""
    day = lambda t: t.astimezone(zone).date()  # noqa: E731
    text = lambda t, z: t.astimezone(z).isoformat()  # noqa: E731
    center = rnd.choice([*CHANGES, now - dt.timedelta(days=20), now - dt.timedelta(days=5)])
    start = center + dt.timedelta(hours=rnd.randrange(-120, 60))
    end = start + rnd.choice(
        [
            dt.timedelta(minutes=15 * rnd.randrange(1, 400)),
            dt.timedelta(days=rnd.randrange(1, 15)),
            dt.timedelta(seconds=rnd.random() * 900000),
        ]
    )
    first, last = day(start), day(end)
    kind = rnd.randrange(6)
    if kind == 0:
        return (
            {"startDate": str(first), "endDate": str(last)},
            midnight(first, zone),
            midnight(last + dt.timedelta(1), zone),
        )
    if kind == 1:
        return (
            {"startDate": text(start, rnd.choice([UTC, zone])), "endDate": text(end, UTC)},
            start,
            end,
        )
    if kind == 2:  # whole local days, said as instants
        start, end = midnight(first, zone), midnight(last + dt.timedelta(1), zone)
        return {"startDate": text(start, zone), "endDate": text(end, UTC)}, start, end
    if kind == 3:
        return (
            {"startDate": text(start, UTC).replace("+00:00", "Z"), "endDate": str(last)},
            start,
            midnight(last + dt.timedelta(1), zone),
        )
    if kind == 4:
        start = midnight(first, zone)
        end = max(end, start + dt.timedelta(seconds=1))
        return {"startDate": str(first), "endDate": text(end, UTC)}, start, end
    today = day(now)
    month = today.replace(day=1)
    tomorrow = today + dt.timedelta(1)
    named = {
        "today": (today, tomorrow),
        "yesterday": (today - dt.timedelta(1), today),
        "this_month": (month, tomorrow),
        "last_month": ((month - dt.timedelta(1)).replace(day=1), month),
        "this_year": (today.replace(month=1, day=1), tomorrow),
        **{f"{n}d": (today - dt.timedelta(n - 1), tomorrow) for n in (7, 30, 90)},
    }
    name = rnd.choice([*named, None, "start"])
    if name == "start":
        return (
            {"startDate": str(today - dt.timedelta(11))},
            midnight(today - dt.timedelta(11), zone),
            midnight(tomorrow, zone),
        )
    first, after = named[name or "30d"]
    return {"dateRange": name} if name else {}, midnight(first, zone), midnight(after, zone)


@pytest.mark.parametrize(
    "seed, business, reporting",
    [(1, "UTC", "USD"), (2, "Asia/Kolkata", "JPY"), (3, "America/New_York", "KWD")],
)
def test_random_questions_have_the_answers_of_the_definitions(
    db, launch, seed, business, reporting
):
    rnd = random.Random(seed)
    events = random_events(rnd, dt.datetime.now(UTC))
    rates = random_rates(rnd, {e.at.date() + dt.timedelta(n) for e in events for n in (-1, 0, 1)})
    store(db, events)
    for (day, currency), rate in rates.items():
        set_rate(db, day, currency, rate)
    service = launch(db, business_timezone=business, reporting_currency=reporting)
    truth, asked, nonzero = Truth(events, rates, business, reporting), 0, 0
    while asked < 60:
        name = rnd.choice(ZONES + [None])
        zone = zoneinfo.ZoneInfo(name or business)
        now = dt.datetime.now(UTC)
        arguments, start, end = random_range(rnd, zone, now)
        got = overview(service, **arguments, **({"timeZone": name} if name else {}))
        if dt.datetime.now(UTC).astimezone(zone).date() != now.astimezone(zone).date():
            continue  # midnight passed: what today means is unknown
        want = truth.overview(
            range_before(start, end, zone),
            start,
            end,
            zone,
            dt.datetime.fromisoformat(got["dataAsOf"]),
        )
        try:
            compare(got, want)
        except AssertionError as e:
            raise AssertionError(f"{arguments} {name}: {e}") from e
        asked += 1
        nonzero += want["metrics"]["totalRevenue"] > 0
    assert nonzero > 30  # the questions meet the data


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


def test_of_purchases_at_the_same_time_the_one_received_first_is_the_order(db, service):
    store(db, [purchase(amount=D(n), received=NOON + dt.timedelta(seconds=n)) for n in (3, 1, 2)])
    assert overview(service, **MAY_4)["metrics"]["totalRevenue"] == 1
    twins = sorted((purchase(order="o2", amount=D(n)) for n in (100, 200, 300)), key=lambda e: e.key)
    store(db, twins[::-1])
    assert overview(service, **MAY_4)["metrics"]["totalRevenue"] == 1 + twins[0].amount


def test_money_without_a_rate_is_left_out_until_the_rate_comes(db, service):
    lines = [{"product_id": "p", "quantity": 2, "price": D("10.00"), "category": "hats"}]
    store(db, [purchase(amount=D("20.01"), currency="EUR", items=lines)])
    got = overview(service, **MAY_4)
    assert got["metrics"]["totalOrders"] == "1" and got["metrics"]["totalRevenue"] == 0
    assert "averageOrderValue" not in got["metrics"]
    assert got["salesByCategory"] == [{"category": "hats", "revenue": 0, "orders": "1"}]
    assert got["revenueTrend"][0]["customers"] == "1"
    set_rate(db, "2026-05-04", "EUR", D("1.5"))
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
