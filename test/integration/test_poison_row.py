"""A row that PostgreSQL refuses never takes its neighbours with it. PostgreSQL is made to refuse some
here: what it refuses by itself is meant to be rejected before it gets there."""
import json

import pytest

from fixture import events as shop
from fixture.service import tally

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'value overflows numeric format' USING ERRCODE = '22003';
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON analytics_events
    FOR EACH ROW WHEN (NEW.session_id = 'poison') EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def db(db):
    db.execute(REFUSE)
    return db


def poison(n):
    return shop.page_view(event_id=f"poison-{n}", session_id="poison")


@pytest.mark.parametrize("at", [[0], [251], [499], [0, 1, 2, 250, 498, 499]])
def test_in_a_batch_of_500(service, db, at):
    events = [shop.page_view() for _ in range(500)]
    for i in at:
        events[i] = poison(i)
    r = service.publish(events)
    assert tally(r) == (500 - len(at), 0, len(at)), str(r)[:2000]
    assert [(x.index, x.status) for x in r.results] == [(i, "rejected") for i in at]
    assert {x.error.code for x in r.results} == {"INVALID_FIELD"}
    stored = {row["event_id"] for row in db.events()}
    assert stored == {shop.event_id(e) for i, e in enumerate(events) if i not in at}
    letters = sorted((x["event_id"], x["deliveries"]) for x in db.letters())
    assert letters == sorted((f"poison-{i}", 1) for i in at)
    again = service.publish(events)
    assert tally(again) == (0, 500 - len(at), len(at))
    assert {x["deliveries"] for x in db.letters()} == {2}


def test_a_batch_of_nothing_else(service, db):
    r = service.publish([poison(i) for i in range(200)])
    assert tally(r) == (0, 0, 200)
    assert db.events() == [] and len(db.letters()) == 200


def test_identity_is_free_for_a_correction(service, db):
    assert tally(service.publish([poison(1)])) == (0, 0, 1)
    assert tally(service.publish([shop.page_view(event_id="poison-1")])) == (1, 0, 0)
    assert len(db.events()) == 1 and len(db.letters()) == 1


def test_and_its_correction_in_one_batch(service, db):
    r = service.publish([poison(1), shop.page_view(event_id="poison-1")])
    assert (tally(r), [x.index for x in r.results]) == ((1, 0, 1), [0])
    assert len(db.events()) == 1 and len(db.letters()) == 1


def test_alone_over_http(service, db):
    answer = service.deliver(poison(1))
    assert (answer["status"], answer["result"]) == ("SUCCESS", "rejected")
    assert answer["error"]["code"] == "INVALID_FIELD"
    a = service.http("POST", "/events", poison(2), "application/cloudevents+json")
    assert a.status == 400
    assert db.events() == [] and len(db.letters()) == 2


def test_number_that_jsonb_cannot_hold(service, db):
    """It is kept in a form that can be held, or rejected; its neighbours are stored."""
    huge = json.dumps(shop.page_view()["data"]).replace(
        '"page_url"', '"huge": 1e200000, "page_url"'
    )
    r = service.publish([shop.page_view(), {**shop.page_view(), "data": huge}, shop.page_view()])
    assert r.accepted + r.rejected == 3 and {x.index for x in r.results} <= {1}
    assert len(db.events()) == r.accepted and len(db.letters()) == r.rejected
