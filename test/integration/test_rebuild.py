"""rebuild_projections: from the stored events, exactly, whatever stands in the tables and comes meanwhile."""
import threading

import pytest

from projection_truth import wrong
from test_projector import MadeUpShop, check, publish

ADMIN = "api.analytics.v1.AdminService/"
SPOIL = [
    "UPDATE sales_days SET money = money + 1, customers = 0",
    "DELETE FROM orders WHERE order_id LIKE '%%7'",
    "UPDATE sessions SET steps = '{}', reached = 5, bought = NOT bought",
    "UPDATE product_days SET views = views + 1",
    "DELETE FROM event_quarters",
    "UPDATE customer_days SET previous_day = day - 1",
    "INSERT INTO payments (event_key, at, kind) VALUES (gen_random_uuid(), now(), 'refunded')",
    "UPDATE stock SET quantity = -1",
]


def rebuild(service):
    run = service.call(ADMIN + "RunJob", name="rebuild_projections").run
    assert run.state == "succeeded", run
    return run


def test_what_was_spoilt_is_as_it_was(db, service):
    publish(service, MadeUpShop(11).events(800))
    t = check(db)
    for statement in SPOIL:
        db.execute(statement)
    spoilt = {s.split()[2 if s.startswith(("DELETE", "INSERT")) else 1] for s in SPOIL}
    assert set(wrong(db, t)) == spoilt
    detail = rebuild(service).detail
    assert '"payments": 1' in detail and '"customers"' not in detail
    assert wrong(db, t) == {}


def test_events_come_meanwhile(db, service):
    events = MadeUpShop(12).events(1500)
    publish(service, events[:500])
    db.execute("DELETE FROM sessions")
    others = threading.Thread(target=publish, args=(service, events[500:], 20))
    others.start()
    while others.is_alive():
        rebuild(service)
    others.join()
    check(db)
    assert rebuild(service).detail == f'{{"wrong": {{}}, "events": {len(events)}}}'
    assert not db.rows("SELECT FROM pg_tables WHERE schemaname = 'rebuilding'")
    assert not db.value("SELECT count(*) FROM rebuild_marks")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_a_rebuild_keeps_what_is_older_than_the_events(db, launch, zone):
    service = launch(db, retention_days=80, business_timezone=zone)
    events = MadeUpShop(13, days=75).events(1200)
    publish(service, events)
    t = check(db, zone=zone)
    oldest = db.value("SELECT min(tableoid::regclass::text) FROM analytics_events")
    gone = db.value(f"SELECT count(*) FROM {oldest}")
    for part in db.rows("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass "
                        "AND inhrelid::regclass::text <= %s", oldest):
        db.execute(f"ALTER TABLE analytics_events DETACH PARTITION {part['name']}")
    db.execute("DELETE FROM registrations WHERE at > now() - interval '10 days'")
    db.execute("UPDATE active_days SET customers = 9 WHERE day > current_date - 10")
    detail = rebuild(service).detail
    assert f'"events": {len(events) - gone}' in detail and '"active_days"' in detail and 0 < gone < len(events)
    assert wrong(db, t) == {}
