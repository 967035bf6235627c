"""GetCustomerAnalyticsSummary."""
import datetime as dt
import random
import zoneinfo

import pytest

from answers_truth import UTC, growth, midnight, range_before
from told_shop import MAY, open_shop

REFUND = "payment.payment.refunded"


def test_nobody(postgres):
    with open_shop(postgres) as shop:
        assert shop.ask("customers/summary", **MAY) == {
            "metrics": {"totalCustomers": "0", "activeCustomers": "0", "newCustomers": "0"},
            "segments": [
                {"segment": s, "count": "0"}
                for s in ["Champions", "Loyal", "New", "Potential", "At Risk", "Lost", "Other"]
            ],
            "cohorts": [],
        }


def when(t):
    return t.strftime("%m-%d %H:%M")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
def test_active_customers_are_distinct_in_any_range(postgres, zone):
    rnd, grid = random.Random(zone), dt.timedelta(minutes=45)
    start = dt.datetime(2025, 3, 5, tzinfo=UTC)  # clocks change in New York on March 9
    acts = {(start + grid * rnd.randrange(32 * 10), f"c{rnd.randrange(25)}") for _ in range(220)}
    with open_shop(postgres, business_timezone=zone) as shop:
        for at, customer in rnd.sample(sorted(acts), len(acts)):
            shop.tell("customer.logged_in", when(at), customer_id=customer)
        shop.tell("cart.converted", "03-08 12:00", customer_id="passive", cart_id="c", order_id="o")
        for _ in range(30):
            local = zoneinfo.ZoneInfo(rnd.choice([zone, zone, "Asia/Kolkata"]))
            lo = start + grid * rnd.randrange(32 * 11)
            hi = lo + rnd.choice([grid * rnd.randrange(1, 30), grid * rnd.randrange(1, 200)])
            if rnd.random() < 0.4:
                lo, hi = (midnight(t.astimezone(local).date() + dt.timedelta(n), local) for t, n in ((lo, 0), (hi, 1)))
            before, now = (
                {c for t, c in acts if a <= t < b} for a, b in ((range_before(lo, hi, local), lo), (lo, hi))
            )
            got = shop.ask("customers/summary", startDate=lo.isoformat(), endDate=hi.isoformat(), timeZone=local.key)
            want = {"totalCustomers": str(len({c for _, c in acts}) + 1), "activeCustomers": str(len(now)),
                    "newCustomers": "0"}  # fmt: skip
            if before:
                kept = 100 * len(now & before) / len(before)
                want.update(customerGrowth=growth(len(now), len(before)), retentionRate=kept, churnRate=100 - kept)
            assert got["metrics"] == pytest.approx(want, rel=1e-12) if before else want, (lo, hi, local)


def test_what_customers_are_worth_and_cost(postgres):
    with open_shop(postgres) as shop:
        shop.rate("05-02", "EUR", "1.5")
        shop.order("o1", "04-30 12:00", 100, customer_id="a")
        shop.order("o2", "05-02 12:00", 10.01, customer_id="b", currency="EUR")  # 15.015
        shop.order("o3", "05-03 12:00", 1, customer_id="c", currency="GBP")  # no rate: a customer all the same
        shop.order("o4", "05-03 12:00", 50)  # nobody's
        shop.tell(REFUND, "06-20 12:00", payment_id="p", order_id="o2", amount=1, currency="EUR")
        for n, (at, customer) in enumerate([("05-01 00:00", "a"), ("05-09 12:00", "a"), ("05-31 23:59", "d"),
                                            ("06-01 00:00", "e")]):  # fmt: skip
            shop.tell("customer.registered", at, f"crm-{n}", customer_id=customer)
        got = shop.ask("customers/summary", **MAY)
        assert got["metrics"] == {
            "totalCustomers": "5",
            "activeCustomers": "4",  # a, b, c and d
            "newCustomers": "2",
            "customerGrowth": 300,
            "retentionRate": 100,
            "churnRate": 0,
            "averageLifetimeValue": 54.51,  # (100 + 15.02 + 50 - 1.5) / 3, half up
        }
        shop.tell("marketing.spend.recorded", "05-20 12:00", campaign="x", amount=25.25)
        shop.tell("marketing.spend.recorded", "05-20 12:00", campaign="x", amount=9, currency="GBP")
        shop.tell("marketing.spend.recorded", "06-20 12:00", campaign="x", amount=1000)
        assert shop.ask("customers/summary", **MAY)["metrics"]["customerAcquisitionCost"] == 12.63


def segment(r, f, m):
    if r >= 4 and f >= 4 and m >= 4:
        return "Champions"
    if r >= 3 and f >= 3:
        return "Loyal"
    if r >= 4 and f == 1:
        return "New"
    if r >= 4 and f >= 2 and m <= 2:
        return "Potential"
    if r <= 2 and f >= 3:
        return "At Risk"
    if r == 1 and f == 1:
        return "Lost"
    return "Other"


def fifths(values):
    """1 to 5, by how many are worse."""
    every = list(values.values())
    return {k: 1 + 5 * sum(x < v for x in every) // len(every) for k, v in values.items()}


def test_segments(postgres):
    rnd = random.Random(5)
    year = dt.datetime(2024, 11, 30, 18, 15, tzinfo=UTC)  # November 30 is over at Kathmandu
    orders = [(year - dt.timedelta(minutes=1), "too old", 900), (year, "just in time", 7)]
    for i in range(60):
        for _ in range(rnd.choice([1, 1, 2, 2, 3, 5])):
            at = dt.datetime(2025, 1, 1, tzinfo=UTC) + dt.timedelta(hours=rnd.randrange(300 * 24))
            orders.append((at, f"c{i}", rnd.randrange(1, 40)))
    orders.append((year - dt.timedelta(days=30), "c0", 11))  # of her lifetime, not of the twelve months
    last, count, spent, ever = {}, {}, {}, {}
    with open_shop(postgres) as shop:
        for n, (at, customer, amount) in enumerate(rnd.sample(orders, len(orders))):
            paid_back = rnd.choice([0, 0, amount])
            shop.order(f"o{n}", "01-01 00:00", amount, customer_id=customer, timestamp=at.isoformat())
            if paid_back:
                shop.tell(REFUND, "11-29 00:00", payment_id="p", order_id=f"o{n}", amount=amount)
            ever[customer] = ever.get(customer, 0) + amount - paid_back
            if at >= year:
                last[customer] = max(last.get(customer, at), at)
                count[customer] = count.get(customer, 0) + 1
                spent[customer] = spent.get(customer, 0) + amount
            if customer in spent or paid_back:
                spent[customer] = spent.get(customer, 0) - paid_back
        spent = {c: spent[c] for c in last}
        r, f, m = fifths(last), fifths(count), fifths(spent)
        want = {}
        for c in last:
            want.setdefault(segment(r[c], f[c], m[c]), []).append(ever[c])
        assert len(want) == 7  # the story meets every rule
        got = shop.ask("customers/summary", startDate="2025-11-30", endDate="2025-11-30", timeZone="Asia/Kathmandu")
        assert {s["segment"]: int(s["count"]) for s in got["segments"]} == {k: len(v) for k, v in want.items()}
        for s in got["segments"]:
            clv = want[s["segment"]]
            assert s["averageClv"] == pytest.approx(sum(clv) / len(clv), abs=0.005001)
            assert s["percentage"] == pytest.approx(100 * len(clv) / len(last))


def test_cohorts(postgres):
    with open_shop(postgres) as shop:
        shop.order("1", "01-15 12:00", 10, customer_id="a")
        shop.order("2", "03-31 18:15", 20, customer_id="a")  # of April at Kathmandu
        shop.order("3", "04-30 12:00", 5, customer_id="a")
        shop.order("4", "01-31 18:15", 100, customer_id="b")  # of February at Kathmandu
        shop.order("5", "02-01 12:00", 1, customer_id="b")
        shop.order("6", "02-02 12:00", 1, customer_id="c", currency="GBP")  # no rate
        shop.order("7", "05-02 12:00", 1)
        span = {"startDate": "2025-04-01", "endDate": "2025-04-30"}

        def months(**buyers):
            return [
                {"month": n, "buyers": str(buyers.get(f"m{n}", 0)), "rate": 100.0 * buyers.get(f"m{n}", 0) / 2,
                 "final": True}
                for n in range(1, 13)
            ]  # fmt: skip

        assert shop.ask("customers/summary", **span)["cohorts"] == [
            {"cohortMonth": "2025-01-01", "customers": "2", "retentionRate": 100, "revenue": 136,
             "months": months(m1=1, m2=1, m3=1)},
            {"cohortMonth": "2025-02-01", "customers": "1", "retentionRate": 0, "revenue": 0, "months": months()},
        ]  # fmt: skip
        local = shop.ask("customers/summary", timeZone="Asia/Kathmandu", **span)["cohorts"]
        assert [(c["cohortMonth"], c["customers"], c["retentionRate"], c["revenue"]) for c in local] == [
            ("2025-01-01", "1", 100, 35),
            ("2025-02-01", "2", 0, 101),
        ]
        assert [m["month"] for m in local[0]["months"] if m["buyers"] != "0"] == [3]
        # An earlier first order arrives late, and a cohort that is out of reach.
        shop.order("8", "01-02 12:00", 4, customer_id="c", timestamp="2024-03-31T23:59:59Z")
        got = shop.ask("customers/summary", **span)["cohorts"]
        assert [c["cohortMonth"] for c in got] == ["2025-01-01"]
        got = shop.ask("customers/summary", **{**span, "startDate": "2024-03-31"})["cohorts"]
        assert [(c["cohortMonth"], c["retentionRate"], c["revenue"]) for c in got] == [
            ("2024-03-01", 100, 4),
            ("2025-01-01", 100, 136),
        ]


def test_the_month_that_is_not_over_is_not_final(postgres):
    with open_shop(postgres) as shop:
        now = dt.datetime.now(UTC)
        shop.order("1", "01-01 00:00", 10, customer_id="a",
                   timestamp=(now.replace(day=1) - dt.timedelta(days=10)).isoformat())  # fmt: skip
        shop.order("2", "01-01 00:00", 10, customer_id="a", timestamp=now.isoformat())
        (cohort,) = shop.ask("customers/summary")["cohorts"]
        assert cohort["retentionRate"] == 100
        assert cohort["months"] == [{"month": 1, "buyers": "1", "rate": 100, "final": False}]
