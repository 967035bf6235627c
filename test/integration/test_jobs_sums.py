"""Jobs above the projections: what they verify and put right, and what they make of them."""
import datetime as dt
import json

import pytest

from fixture import events as shop
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
NOON = dt.datetime.combine(dt.datetime.now(shop.UTC).date(), dt.time(12), shop.UTC)
YESTERDAY = NOON - dt.timedelta(days=1)


def run_job(service, name, **fields):
    run = service.call(ADMIN + "RunJob", name=name, **fields).run
    assert run.state == "succeeded", run
    return json.loads(run.detail) if run.detail else None


@pytest.fixture
def service(db, launch):
    return launch(db, jobs=0, retention_days=400)


def take(db, service, events):
    """Events that are in the projections when it returns."""
    service.publish(events)
    wait_until(
        lambda: not db.value("SELECT count(*) FROM projection_marks"), "everything is projected"
    )


def order(customer, at, amount=10):
    return shop.purchase(
        customer_id=customer,
        timestamp=shop.rfc3339(at),
        total_amount=amount,
        items=[{"product_id": "p-1", "quantity": 1, "price": amount, "category": "c"}],
    )


def test_sums_and_counts_are_made_right_again(db, service):
    at = shop.rfc3339(YESTERDAY)
    take(db, service, [order(f"c-{n}", YESTERDAY) for n in range(5)])
    take(db, service, [shop.product_view(product_id="p-1", timestamp=at) for _ in range(7)])
    tables = ["sales_days", "sales_hours", "category_days", "product_days", "event_quarters", "customer_days"]
    good = {t: db.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables}
    day = str(YESTERDAY.date())
    nothing = {"pending": False, "sums": {}, "counts": {}}
    assert run_job(service, "daily_aggregation") == nothing

    db.execute("UPDATE sales_days SET money = money + 1")
    db.execute("DELETE FROM category_days")
    db.execute("UPDATE product_days SET views = 1, units = 99")
    db.execute("UPDATE event_quarters SET events = events + 1 WHERE event_type = 'purchase'")
    db.execute("INSERT INTO sales_hours VALUES (%s, 1, 1, 1)", YESTERDAY + dt.timedelta(hours=2))
    detail = run_job(service, "hourly_aggregation", date=day)
    assert detail["sums"] == {"sales_days": 1, "sales_hours": 1, "category_days": 1, "product_days": 1}
    assert service.metric("projection_repairs_total", table="sales_days") == 1
    detail = run_job(service, "daily_aggregation", date=day)
    assert detail == {**nothing, "counts": {"product_days": 1, "event_quarters": 1}}
    assert {t: db.rows(f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables} == good
    assert run_job(service, "daily_aggregation", date=day) == nothing


def test_segments(db, service):
    """Five customers, who differ in everything: each is alone in its fifth."""
    events = []
    for n in range(1, 6):  # c-5: the latest, the most orders, the most money
        for k in range(n):
            events.append(order(f"c-{n}", YESTERDAY - dt.timedelta(days=10 - n, hours=k), 10 * n))
    events.append(order("c-0", NOON - dt.timedelta(days=380)))  # more than a year ago
    events.append(order("c-6", NOON))  # not over yet
    take(db, service, events)
    sizes = run_job(service, "customer_segments")
    assert sizes == {"Champions": 2, "Loyal": 1, "Lost": 1, "Other": 1}
    rows = db.rows("SELECT * FROM customer_segments ORDER BY customer_id")
    assert [(r["customer_id"], r["recency"], r["frequency"], r["monetary"], r["segment"]) for r in rows] == [
        ("c-1", 1, 1, 1, "Lost"),
        ("c-2", 2, 2, 2, "Other"),
        ("c-3", 3, 3, 3, "Loyal"),
        ("c-4", 4, 4, 4, "Champions"),
        ("c-5", 5, 5, 5, "Champions"),
    ]
    assert rows[4]["lifetime_value"] == 250 and {str(r["as_of"]) for r in rows} == {str(YESTERDAY.date())}
    # As of an earlier day: who had not bought then is gone.
    run_job(service, "customer_segments", date=str((YESTERDAY - dt.timedelta(days=8)).date()))
    assert [r["customer_id"] for r in db.rows("SELECT * FROM customer_segments ORDER BY 1")] == ["c-1", "c-2"]
    assert db.value("SELECT count(DISTINCT as_of) FROM segment_sizes") == 2


def test_cohorts(db, service):
    first = NOON.replace(day=1)
    months = [first]
    while len(months) < 5:
        months.append((months[-1] - dt.timedelta(days=1)).replace(day=1))
    now, one_ago, two_ago, three_ago, four_ago = months
    take(
        db,
        service,
        [
            order("a", three_ago), order("a", two_ago, 20), order("a", one_ago),
            order("b", three_ago), order("b", one_ago, 30),
            order("c", two_ago), order("c", two_ago),
            order("d", four_ago), order("d", now),
        ],
    )
    run_job(service, "cohorts", date=str((now - dt.timedelta(days=1)).date()))
    rows = db.rows("SELECT * FROM cohorts ORDER BY cohort_month, month")
    got = {(str(r["cohort_month"])[:7], r["month"]): (r["customers"], r["buyers"], r["money"]) for r in rows}
    key = [f"{m:%Y-%m}" for m in months]
    assert got == {
        (key[4], 0): (1, 1, 10), (key[4], 1): (1, 0, 0), (key[4], 2): (1, 0, 0), (key[4], 3): (1, 0, 0),
        (key[3], 0): (2, 2, 20), (key[3], 1): (2, 1, 20), (key[3], 2): (2, 2, 40),
        (key[2], 0): (1, 1, 20), (key[2], 1): (1, 0, 0),
    }


def test_anomalies(db, service):
    """The last quarter of an hour but one, against the same of earlier days."""
    now = dt.datetime.now(shop.UTC)
    quarter = now - dt.timedelta(minutes=30)
    quarter = quarter.replace(minute=quarter.minute // 15 * 15, second=0, microsecond=0)
    usual = {"purchase": 100, "page_view": 1000, "checkout": 50, "add_to_cart": 9}
    for day in range(1, 11):
        for kind, n in usual.items():
            db.execute(
                "INSERT INTO event_quarters VALUES (%s, %s, %s)",
                quarter - dt.timedelta(days=day), kind, n + day % 3,
            )
    for kind, n in {"purchase": 30, "page_view": 1050, "login": 40}.items():
        db.execute("INSERT INTO event_quarters VALUES (%s, %s, %s)", quarter, kind, n)
    run = run_job(service, "anomaly_detection")
    if dt.datetime.now(shop.UTC).minute // 15 != now.minute // 15:
        pytest.skip("a quarter of an hour ended meanwhile")
    found = {a.event_type: a for a in service.call(ADMIN + "ListAnomalies").anomalies}
    assert {k: a.events for k, a in found.items()} == {"purchase": 30, "checkout": 0, "login": 40}
    assert run == {"anomalies": 3}
    assert found["purchase"].z_score < -6 and found["purchase"].mean == 101
    assert service.metric("anomalies_total", type="purchase") == 1
    [only] = service.call(ADMIN + "ListAnomalies", event_type="login").anomalies
    assert only.z_score > 3 and only.quarter == quarter.strftime("%Y-%m-%dT%H:%M:%SZ")
