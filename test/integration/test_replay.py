"""Stored events once more through the projection: what was lost is there again, and nothing counts twice."""
import datetime as dt

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import failure
from fixture.wait import wait_until

REPLAY = "api.analytics.v1.AdminService/ReplayEvents"
ANSWERS = ("orders", "sessions", "customers", "customer_days", "registrations", "sales_days", "sales_hours",
           "category_days", "product_days", "session_days", "active_days", "event_quarters", "products")


def replay(service, **fields):
    now = dt.datetime.now(shop.UTC)
    day = dt.timedelta(days=1)
    fields = {"start_date": shop.rfc3339(now - day), "end_date": shop.rfc3339(now + day), **fields}
    return protos.stub(service.grpc_channel, REPLAY)(protos.method(REPLAY)[0](**fields), timeout=60)


def fill(service, db, n=20):
    events = []
    for i in range(n):
        who = {"session_id": f"s-{i % 7}", "customer_id": f"c-{i % 5}"}
        events += [
            shop.page_view(**who), shop.product_view(**who, product_id="p-1"), shop.add_to_cart(**who, product_id="p-1"),
            shop.purchase(**who, items=[{"product_id": "p-1", "quantity": 2, "price": 3.5, "category": "shoes"}]),
            shop.registration(customer_id=who["customer_id"]),
        ]
    service.publish(events)
    wait_until(lambda: not db.rows("SELECT FROM projection_marks"), "all events are projected")
    return len(events)


def answers(db):
    return {t: sorted(map(str, db.rows(f"SELECT * FROM {t}"))) for t in ANSWERS}


def test_replayed_events_change_nothing_that_was_right(db, service):
    n = fill(service, db)
    before = answers(db)
    assert all(before.values())
    *_, dry = replay(service, dry_run=True)
    assert (dry.events, dry.complete, dry.dry_run, dry.fraction) == (n, True, True, 1)
    *_, last = replay(service)
    assert (last.events, last.complete, last.resume_token) == (n, True, "")
    assert answers(db) == before


def test_what_was_lost_is_there_again(db, service):
    fill(service, db)
    before = answers(db)
    db.execute("DELETE FROM customers; DELETE FROM registrations; DELETE FROM products")
    *_, last = replay(service)
    assert last.complete and answers(db) == before


def test_a_range_is_its_events_alone(db, service):
    fill(service, db, 4)
    old = dt.datetime.now(shop.UTC) - dt.timedelta(days=40)
    service.publish([shop.page_view(timestamp=shop.rfc3339(old + dt.timedelta(seconds=i))) for i in range(5)])
    date = old.strftime("%Y-%m-%d")
    for fields, n in (({"start_date": shop.rfc3339(old), "end_date": shop.rfc3339(old + dt.timedelta(seconds=3))}, 3),
                      ({"start_date": "1999-01-01", "end_date": "1999-12-31"}, 0)):
        *_, last = replay(service, dry_run=True, **fields)
        assert (last.events, last.complete) == (n, True), fields
    *_, day = replay(service, dry_run=True, start_date=date, end_date=date)
    assert 0 < day.events <= 5


def test_it_goes_on_with_the_token(db, launch):
    service = launch(db)
    n = fill(service, db, 400)
    db.execute("DELETE FROM customers; DELETE FROM registrations")
    now, day = dt.datetime.now(shop.UTC), dt.timedelta(days=1)
    same = {"start_date": shop.rfc3339(now - day), "end_date": shop.rfc3339(now + day)}
    calls = replay(service, events_per_second=200, **same)
    messages = [next(calls)]
    while not 0 < messages[-1].events < n:
        messages.append(next(calls))
    broken = messages[-1]
    assert 0 < broken.fraction < 1 and broken.resume_token and not broken.complete
    service.kill()
    other = launch(db)
    fields = {"resume_token": broken.resume_token}
    assert failure(lambda: next(replay(other, start_date="2020-01-01", **fields))).code() \
        is grpc.StatusCode.INVALID_ARGUMENT
    *_, last = replay(other, **same, **fields)
    assert last.complete and last.events == n
    assert db.value("SELECT count(*) FROM customers") == 5


@pytest.mark.parametrize("fields", [
    {"start_date": "yesterday"}, {"start_date": "2026-02-30"}, {"start_date": "2030-01-01", "end_date": "2029-01-01"},
    {"events_per_second": 0}, {"resume_token": "x"},
])
def test_what_is_asked_wrongly_is_refused(service, fields):
    e = failure(lambda: next(replay(service, **fields)))
    assert e.code() is grpc.StatusCode.INVALID_ARGUMENT, e
