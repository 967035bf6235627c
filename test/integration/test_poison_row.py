"""A row that PostgreSQL refuses never takes its neighbours with it."""
import json

import pytest

from fixture import events as shop
from fixture.service import tally

# Valid JSON, valid by every rule, and more digits than jsonb's numeric can hold.
POISON = (
    '{"event_id": "%s", "page_url": "/", "session_id": "s", "timestamp": "%s", "huge": 1e200000}'
)


def poison(n):
    return {**shop.page_view(), "data": POISON % (f"poison-{n}", shop.rfc3339(shop.minutes_ago(5)))}


@pytest.mark.parametrize("at", [[0], [251], [499], [0, 1, 2, 250, 498, 499]])
def test_in_a_batch_of_500(service, db, at):
    events = [shop.page_view() for _ in range(500)]
    for i in at:
        events[i] = poison(i)
    r = service.publish(events)
    assert tally(r) == (500 - len(at), 0, len(at)), str(r)[:2000]
    assert [(x.index, x.status) for x in r.results] == [(i, "rejected") for i in at]
    assert {x.error.code for x in r.results} == {"INVALID_FIELD"}
    assert {row["event_id"] for row in db.events()} == {
        shop.event_id(e) for i, e in enumerate(events) if i not in at
    }
    assert sorted((x["event_id"], x["deliveries"]) for x in db.letters()) == sorted(
        (f"poison-{i}", 1) for i in at
    )
    again = service.publish(events)
    assert tally(again) == (0, 500 - len(at), len(at))
    assert {x["deliveries"] for x in db.letters()} == {2}


def test_identity_is_free_for_a_correction(service, db):
    assert tally(service.publish([poison(1)])) == (0, 0, 1)
    assert tally(service.publish([shop.page_view(event_id="poison-1")])) == (1, 0, 0)
    assert len(db.events()) == 1 and len(db.letters()) == 1


def test_alone_over_http(service, db):
    event = shop.page_view()
    body = json.dumps(event).replace('"page_url"', '"huge": -1e200000, "page_url"').encode()
    answer = service.deliver(body, "/events/page-views")
    assert (answer["status"], answer["result"], answer["error"]["code"]) == (
        "SUCCESS",
        "rejected",
        "INVALID_FIELD",
    )
    assert db.events() == [] and len(db.letters()) == 1


def test_and_its_correction_in_one_batch(service, db):
    r = service.publish([poison(1), shop.page_view(event_id="poison-1")])
    assert (tally(r), [x.index for x in r.results]) == ((1, 0, 1), [0])
    assert len(db.events()) == 1 and len(db.letters()) == 1
