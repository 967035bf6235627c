"""Overview, revenue, orders and products: random questions have the answers of the definitions, and all agree.
ANSWER_CASES=10000 asks that many questions of each database instead of a few."""
import datetime as dt
import json
import os
import random
import urllib.parse
import zoneinfo

import pytest

import random_shop as shop
from answers_truth import UTC, D, Truth, range_before

CASES = int(os.environ.get("ANSWER_CASES", "20"))
A = "/api/v1/analytics/"
UNROUNDED = ("Rate", "Growth", "rate", "percentage", "Margin", "margin", "Hours", "Score")


def ask(service, path, **arguments):
    query = urllib.parse.urlencode(arguments, doseq=True)
    a = service.http("GET", A + path + ("?" + query if query else ""))
    assert a.status == 200, a
    return a.json


def close(x):
    """Money, counts and dates must be equal, rates but for the last bits."""
    if isinstance(x, dict):
        return {k: pytest.approx(v, rel=1e-12, abs=1e-12) if k.endswith(UNROUNDED) else close(v) for k, v in x.items()}
    return [close(v) for v in x] if isinstance(x, list) else x


def compare(got, want, of):
    for part in want:
        assert got[part] == close(want[part]), f"{of} {part}"
    assert got.keys() == want.keys() | {"dataAsOf"}, of


def some(rnd, choices):
    return rnd.sample(choices, rnd.randrange(1, 3)) if rnd.random() < 0.3 else []


def total(rows, key):
    """Of floats that are whole minor units."""
    return sum((D(json.dumps(r.get(key, 0))) if not isinstance(r.get(key), str) else int(r[key])) for r in rows)


def check_agreement(overview, revenue, orders, products, points):
    m, s = overview["metrics"], revenue["summary"]
    assert m["totalRevenue"] == s["totalRevenue"]
    assert m["totalOrders"] == orders["metrics"]["totalOrders"]
    assert m.get("averageOrderValue") == orders["metrics"].get("averageOrderValue")
    assert m.get("revenueGrowth") == s.get("revenueGrowth")
    assert m.get("orderGrowth") == orders["metrics"].get("orderGrowth")
    for listed in (products["products"], overview["salesByCategory"]):
        assert total(listed, "revenue") == D(json.dumps(s["itemRevenue"]))
    for listed in (overview["revenueTrend"], revenue["dataPoints"], points):
        assert total(listed, "revenue") == D(json.dumps(m["totalRevenue"]))
        assert total(listed, "orders") == int(m["totalOrders"])
    assert total(orders["statusDistribution"], "count") == int(m["totalOrders"])


def check_case(service, truth, rnd, zone_name, business, now):
    zone = zoneinfo.ZoneInfo(zone_name or business)
    arguments, lo, hi = shop.random_range(rnd, zone, now)
    asked = {**arguments, **({"timeZone": zone_name} if zone_name else {})}
    unit, before = rnd.choice(["day", "hour", "week", "month"]), range_before(lo, hi, zone)
    filters = {"categories": some(rnd, [c or "" for c in shop.CATEGORIES[:4]]), "brands": some(rnd, shop.BRANDS[:3])}
    statuses, sort_by, limit = some(rnd, shop.STATUSES), rnd.choice(["revenue", "units", "views", "conversion"]), rnd.randrange(1, 15)
    overview = ask(service, "dashboard/overview", **asked)
    as_of = dt.datetime.fromisoformat(overview["dataAsOf"])
    revenue = ask(service, "revenue", **asked)
    orders = ask(service, "orders", **asked)
    products = ask(service, "products/performance", **asked, limit=1000)
    points = ask(service, "revenue", **asked, groupBy=unit)["dataPoints"]
    filtered = ask(service, "revenue", **asked, groupBy=unit, **filters)
    with_statuses = ask(service, "orders", **asked, statuses=statuses)
    best = ask(service, "products/performance", **asked, limit=limit, sortBy=sort_by, categories=filters["categories"])
    if dt.datetime.now(UTC).astimezone(zone).date() != now.astimezone(zone).date():
        return 0  # midnight passed: what today means is unknown
    span = before, lo, hi, zone, as_of
    try:
        compare(overview, truth.overview(*span), "overview")
        compare(revenue, truth.revenue(*span), "revenue")
        compare(filtered, truth.revenue(*span, unit, **filters), f"revenue {unit} {filters}")
        compare(orders, truth.order_report(*span), "orders")
        compare(with_statuses, truth.order_report(*span, statuses), f"orders {statuses}")
        compare(products, truth.product_report(lo, hi, 1000), "products")
        compare(best, truth.product_report(lo, hi, limit, sort_by, filters["categories"]), f"products {sort_by} {filters}")
        check_agreement(overview, revenue, orders, products, points)
    except AssertionError as e:
        raise AssertionError(f"{asked} [{lo}, {hi}): {e}") from e
    return 1 + (overview["metrics"]["totalRevenue"] > 0) * 1j


@pytest.mark.parametrize(
    "seed, business, reporting",
    [(1, "UTC", "USD"), (2, "Asia/Kathmandu", "JPY"), (3, "America/New_York", "KWD")],
)
def test_random_questions_have_the_answers_of_the_definitions_and_agree(db, launch, seed, business, reporting):
    rnd = random.Random(seed)
    events = shop.random_events(rnd, dt.datetime.now(UTC))
    rates = shop.random_rates(rnd, events)
    service = launch(db, business_timezone=business, reporting_currency=reporting)
    rnd.shuffle(events)
    late = dict(rnd.sample(sorted(rates.items()), len(rates) // 3))
    for (day, currency), rate in rates.items():
        if (day, currency) not in late:
            shop.set_rate(db, day, currency, rate)
    for part in range(5):  # in any order, and rates between them
        shop.store(db, events[part::5])
        for n, ((day, currency), rate) in enumerate(late.items()):
            if n % 5 == part:
                shop.set_rate(db, day, currency, rate)
    shop.settle(db)
    truth, done = Truth(events, rates, business, reporting), 0
    while done.real < CASES:
        done += check_case(service, truth, rnd, rnd.choice(shop.ZONES + [None, None]), business, dt.datetime.now(UTC))
    assert done.imag > CASES / 2  # the questions meet the data
