"""An event delivered again is stored once, over all ways in; the same identity with other content
is a conflict."""
import concurrent.futures as cf
import json

from fixture import events as shop
from fixture.service import tally

STORED, DUPLICATE = ({"status": "SUCCESS", "result": r} for r in ("stored", "duplicate"))


def test_the_same_event_again(service, db):
    event = shop.purchase()
    assert service.deliver(event) == STORED
    assert service.deliver(event) == DUPLICATE
    [status] = service.deliver_bulk([event])
    assert status["result"] == "duplicate"
    assert tally(service.publish([event])) == (0, 1, 0)
    a = service.http("POST", "/events", event, "application/cloudevents+json")
    assert (a.status, int(a.json["duplicates"])) == (200, 1)
    assert len(db.events()) == 1 and db.letters() == []
    assert service.metric("events_total", result="duplicate") == 4


def test_under_a_new_envelope(service, db):
    event = shop.purchase()
    changed = shop.again(
        event,
        time=shop.rfc3339(shop.minutes_ago(1)),
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    )
    reordered = shop.again(event, data=dict(reversed(list(event["data"].items()))))
    assert service.deliver(event) == STORED
    assert service.deliver(changed) == DUPLICATE
    assert service.deliver(reordered) == DUPLICATE
    assert tally(service.publish([shop.again(event)])) == (0, 1, 0)
    assert len(db.events()) == 1


def test_identity_is_the_envelope_id_when_data_has_none(service, db):
    event = shop.page_view()
    del event["data"]["event_id"]
    assert service.deliver(event) == STORED
    assert service.deliver(event) == DUPLICATE
    assert service.deliver(shop.again(event)) == STORED
    assert {r["event_id"] for r in db.events()} > {event["id"]}


def test_identity_is_together_with_the_source(service, db):
    event = shop.page_view()
    assert service.deliver(event) == STORED
    assert service.deliver({**event, "source": "another-shop"}) == STORED
    assert len(db.events(event_id=shop.event_id(event))) == 2


def test_within_one_batch(service, db):
    event = shop.page_view()
    r = service.publish([event, shop.page_view(), shop.again(event), event])
    assert tally(r) == (2, 2, 0)
    own = shop.event_id(event)
    assert [(x.index, x.event_id, x.status) for x in r.results] == [
        (2, own, "duplicate"),
        (3, own, "duplicate"),
    ]
    fresh = shop.page_view()
    results = [s["result"] for s in service.deliver_bulk([event, fresh, fresh])]
    assert results == ["duplicate", "stored", "duplicate"]
    assert len(db.events()) == 3


def test_another_replica_tells_the_same(launch, db):
    """What only the database knows is told as what this process remembers."""
    first, second = launch(db), launch(db)
    event = shop.purchase()
    assert tally(first.publish([event])) == (1, 0, 0)
    [duplicate] = second.publish([event]).results
    assert (duplicate.event_id, duplicate.status) == (shop.event_id(event), "duplicate")
    other = {**event, "data": {**event["data"], "total_amount": 99}}
    third = launch(db)
    for service in (third, first):
        [conflict] = service.publish([other]).results
        assert conflict.event_id == shop.event_id(event)
        assert conflict.error.code == "ID_CONFLICT"
        assert service.metric("validation_rejections_total", topic=event["type"]) == 1
    [letter] = db.letters()
    assert (letter["topic"], letter["deliveries"]) == (event["type"], 2)


def test_in_parallel_over_all_doors(launch, db):
    service = launch(db, workers=2)
    events = [shop.purchase() for _ in range(40)]
    doors = [
        lambda e: service.deliver(shop.again(e))["result"],
        lambda e: service.deliver_bulk([shop.again(e)])[0]["result"],
        lambda e: {(1, 0, 0): "stored", (0, 1, 0): "duplicate"}[
            tally(service.publish([shop.again(e)], channels[hash(e["id"]) % 4]))
        ],
        lambda e: "stored"
        if int(service.http("POST", "/events", e, "application/cloudevents+json").json["accepted"])
        else "duplicate",
    ]
    channels = [service.channel() for _ in range(4)]
    with cf.ThreadPoolExecutor(16) as pool:
        answers = {shop.event_id(e): [pool.submit(door, e) for door in doors * 3] for e in events}
        results = {i: sorted(f.result() for f in futures) for i, futures in answers.items()}
    assert results == {i: ["duplicate"] * 11 + ["stored"] for i in results}
    assert len(db.events()) == len(events) and db.letters() == []


def test_after_a_restart(launch, db):
    event = shop.purchase()
    service = launch(db)
    assert service.deliver(event) == STORED
    service.stop()
    service.start()
    assert service.deliver(event) == DUPLICATE


def test_what_the_cache_has_forgotten_postgres_knows(launch, db):
    service = launch(db, dedup_entries=16)
    events = [shop.page_view() for _ in range(200)]
    assert tally(service.publish(events)) == (200, 0, 0)
    assert tally(service.publish(events)) == (0, 200, 0)
    assert service.metric("dedup_cache_entries") <= 16
    assert service.metric("dedup_cache_misses_total") >= 384
    assert len(db.events()) == 200


def test_other_content_is_a_conflict(service, db):
    event = shop.purchase()
    other = {**event, "data": {**event["data"], "total_amount": 99}}
    assert service.deliver(event) == STORED
    answer = service.deliver(other)
    assert (answer["status"], answer["result"], answer["error"]["code"]) == (
        "SUCCESS",
        "rejected",
        "ID_CONFLICT",
    )
    r = service.publish([other])
    assert (tally(r), r.results[0].error.code) == ((0, 0, 1), "ID_CONFLICT")
    [row] = db.events()
    assert float(row["amount"]) == 12.5
    [letter] = db.letters()
    assert (letter["error_code"], letter["event_id"], letter["deliveries"]) == (
        "ID_CONFLICT",
        shop.event_id(event),
        2,
    )
    assert json.loads(letter["payload"])
    assert service.deliver(event) == DUPLICATE


def test_conflict_within_one_batch(service, db):
    event = shop.purchase()
    r = service.publish([event, {**event, "data": {**event["data"], "total_amount": 99}}])
    assert (tally(r), r.results[0].index, r.results[0].error.code) == ((1, 0, 1), 1, "ID_CONFLICT")
    assert [float(row["amount"]) for row in db.events()] == [12.5]


def test_personal_fields_are_no_content(service, db):
    event = shop.purchase(email="jane@example.com", ip_address="203.0.113.7")
    assert service.deliver(event) == STORED
    assert (
        service.deliver(
            {
                **event,
                "data": {**event["data"], "email": "roe@example.com", "ip_address": "198.51.100.3"},
            }
        )
        == DUPLICATE
    )
    assert len(db.events()) == 1


def test_corrected_event_after_a_rejection(service, db):
    good = shop.purchase()
    bad = {**good, "data": {k: v for k, v in good["data"].items() if k != "total_amount"}}
    answer = service.deliver(bad)
    assert (answer["result"], answer["error"]["code"], answer["error"]["field"]) == (
        "rejected",
        "MISSING_FIELD",
        "data.total_amount",
    )
    assert service.deliver(good) == STORED
    assert [r["event_id"] for r in db.events()] == [shop.event_id(good)]
    assert [x["error_code"] for x in db.letters()] == ["MISSING_FIELD"]


def test_bad_one_and_its_correction_in_one_batch(service, db):
    good = shop.purchase()
    bad = {**good, "data": {**good["data"], "currency": "usd!"}}
    r = service.publish([bad, good])
    assert (tally(r), r.results[0].error.code) == ((1, 0, 1), "INVALID_FIELD")
    assert len(db.events()) == 1


def test_conflicts_and_the_original_in_one_batch(launch, db):
    """Also when nothing is known from memory: none of them may wait for ever on another."""
    event = shop.purchase()
    others = [{**event, "data": {**event["data"], "total_amount": n}} for n in (98, 99)]
    service = launch(db)
    assert service.deliver(event) == STORED
    service.stop()
    service.start()
    r = service.publish([others[0], event, others[1]])
    assert tally(r) == (0, 1, 2)
    assert [(x.index, x.status) for x in r.results] == [
        (0, "rejected"),
        (1, "duplicate"),
        (2, "rejected"),
    ]
    assert len(db.events()) == 1
