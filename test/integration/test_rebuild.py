"""rebuild_projections: from the stored events, exactly, whatever stands in the tables and comes meanwhile."""
import threading

from projection_truth import KEYS
from test_projector import MadeUpShop, all_projected, check, publish

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


def rows(db):
    return {t: db.rows(f"SELECT md5(string_agg(x::text, '|' ORDER BY x::text)) FROM {t} x") for t in KEYS}


def test_what_was_spoilt_is_as_it_was(db, service):
    publish(service, MadeUpShop(11).events(800))
    all_projected(db)
    before = rows(db)
    for statement in SPOIL:
        db.execute(statement)
    assert rows(db) != before
    rebuild(service)
    assert rows(db) == before


def test_events_come_meanwhile(db, service):
    events = MadeUpShop(12).events(1500)
    publish(service, events[:500])
    others = threading.Thread(target=publish, args=(service, events[500:], 20))
    others.start()
    while others.is_alive():
        rebuild(service)
    others.join()
    rebuild(service)
    assert len(check(db).events) == len(events)


def test_months_that_are_gone_keep_their_figures(db, service):
    publish(service, MadeUpShop(13, days=70).events(1500))
    check(db)
    first = db.value("SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass"
                     " AND EXISTS (SELECT FROM analytics_events WHERE tableoid = inhrelid)")
    for empty in db.rows("SELECT inhrelid::regclass::text AS part FROM pg_inherits WHERE"
                         " inhparent = 'analytics_events'::regclass AND inhrelid::regclass::text < %s", first):
        db.execute(f"DROP TABLE {empty['part']}")
    before = rows(db)
    db.execute(f"DROP TABLE {first}")
    rebuild(service)
    assert rows(db) == before
