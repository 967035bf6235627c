"""Identities in generations: an event is stored once, whichever generation its identity is in, also
while one is being closed; a generation goes when all it guards is too old to be accepted."""
import concurrent.futures as cf
import contextlib
import os
import random
import subprocess
import threading

import pytest

from fixture import events as shop
from fixture.service import binary, tally
from fixture.wait import wait_until

OLDER = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'processed_events_older'::regclass"


def rotate(db, max_bytes=0, horizon="90 days"):
    """As the service does: (generations closed, generations dropped)."""
    with contextlib.closing(db.connect()) as c, c.cursor() as cursor:
        cursor.execute("SET ROLE analytics")
        cursor.execute(
            "SELECT closed, dropped FROM rotate_identities(%s, '30 days', %s)", (max_bytes, horizon)
        )
        return tuple(cursor.fetchone().values())


def until_rotated(db):
    wait_until(lambda: rotate(db)[0] == 1, "a generation is closed")


def test_an_identity_of_any_generation_is_known(launch, db):
    first, second = launch(db), launch(db)  # what one remembers the other does not
    events = []
    for _ in range(3):
        events += [shop.purchase(), shop.page_view()]
        assert tally(first.publish(events[-2:])) == (2, 0, 0)
        assert rotate(db) == (1, 0)
    assert db.value(OLDER) == 3
    for e in events:
        assert tally(second.publish([shop.again(e)])) == (0, 1, 0)
    third = launch(db)
    fresh = shop.purchase()
    assert tally(third.publish([*events, fresh])) == (1, 6, 0)
    assert len(db.events()) == 7
    assert db.value("SELECT count(*) FROM processed_events") == 7
    assert db.value("SELECT count(*) FROM processed_events_current") == 1


def test_other_content_is_a_conflict_in_any_generation(launch, db):
    first, second = launch(db), launch(db)
    event = shop.purchase(total_amount=10)
    assert tally(first.publish([event])) == (1, 0, 0)
    assert rotate(db) == (1, 0)
    changed = shop.again(event, data={**event["data"], "total_amount": 11})
    answer = second.publish([changed])
    assert tally(answer) == (0, 0, 1)
    assert answer.results[0].error.code == "ID_CONFLICT"
    answer = second.publish([changed, shop.page_view()])
    assert tally(answer) == (1, 0, 1)
    assert len(db.events()) == 2


def test_rotation_under_load_stores_nothing_twice(launch, db):
    services = [launch(db), launch(db)]
    events = [shop.page_view() for _ in range(1200)]
    done, closed = threading.Event(), []

    def rotating():
        while not done.is_set():
            closed.append(rotate(db)[0])
            done.wait(0.05)

    def deliver(worker):
        """Each worker delivers all events in an order and in batches of its own."""
        chance = random.Random(worker)
        mine, service = events[:], services[worker % 2]
        chance.shuffle(mine)
        channel, stored = service.channel(), 0
        while mine:
            n = chance.choice((1, 3, 40, 150))
            answer = service.publish([shop.again(e) for e in mine[:n]], channel)
            assert answer.rejected == 0
            assert answer.accepted + answer.duplicates == len(mine[:n])
            stored += answer.accepted
            mine = mine[n:]
        return stored

    rotator = threading.Thread(target=rotating)
    rotator.start()
    try:
        with cf.ThreadPoolExecutor(6) as pool:
            stored = sum(pool.map(deliver, range(6)))
    finally:
        done.set()
        rotator.join()
    assert sum(closed) > 3
    assert stored == len(events)
    assert db.value("SELECT count(*) FROM analytics_events") == len(events)
    assert db.value("SELECT count(DISTINCT event_key) FROM processed_events") == len(events)
    assert db.value("SELECT count(*) FROM processed_events") == len(events)


@pytest.mark.parametrize("age, goes", [("90 days 23 hours", False), ("91 days 1 hour", True)])
def test_a_generation_goes_with_the_last_event_it_guards(service, db, age, goes):
    event = shop.page_view()
    assert tally(service.publish([event])) == (1, 0, 0)
    assert rotate(db) == (1, 0)
    db.execute("UPDATE identity_generations SET closed_at = now() - %s::interval WHERE closed_at IS NOT NULL", age)
    assert rotate(db, max_bytes=1 << 30) == (0, int(goes))
    assert db.value("SELECT count(*) FROM processed_events") == int(not goes)
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


def test_a_claim_under_way_puts_the_rotation_off(service, db):
    with contextlib.closing(db.connect(autocommit=False)) as c, c.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM processed_events_current")
        assert rotate(db) == (0, 0)
        assert tally(service.publish([shop.page_view()])) == (1, 0, 0)
    until_rotated(db)


def test_the_jobs(service, db):
    service.publish([shop.purchase(), shop.purchase()])
    db.execute("UPDATE identity_generations SET opened_at = now() - interval '31 days'")
    db.execute(
        "UPDATE event_sequence_tracking SET touched_on = current_date - 91 WHERE entity_key ="
        " (SELECT min(entity_key::text)::uuid FROM event_sequence_tracking)"
    )
    before = db.value("SELECT count(*) FROM event_sequence_tracking")
    env = {**os.environ, **db.env(), "PII_HMAC_KEY": "0" * 64}
    for job in "identity_rotation", "sequence_cleanup":
        subprocess.run([binary(), "job", job], env=env, check=True, timeout=120)
    assert db.value(OLDER) == 1
    assert db.value("SELECT detail FROM job_runs WHERE job = 'identity_rotation' AND by_hand") == {
        "closed": 1,
        "dropped": 0,
    }
    assert db.value("SELECT count(*) FROM event_sequence_tracking") == before - 1


def test_claims_of_a_program_that_knows_no_generations_fail(db):
    with pytest.raises(Exception, match="processed_events_current"):
        db.execute("INSERT INTO processed_events VALUES (gen_random_uuid(), gen_random_uuid())")
