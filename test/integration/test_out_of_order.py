"""An older event of an order, a session, ... that arrives after a later one is stored and marked."""
import datetime as dt

import pytest

from fixture import events as shop
from fixture.service import tally


def order(minutes_ago, order_id, status="SHIPPED", **attributes):
    e = shop.purchase(
        order_id=order_id,
        new_status=status,
        timestamp=shop.rfc3339(shop.minutes_ago(minutes_ago)),
    )
    return {**e, **attributes}


def late(db):
    """event_id of every event that is marked."""
    rows = db.rows("SELECT event_id FROM analytics_events WHERE is_out_of_order")
    return {r["event_id"] for r in rows}


def ids(*events):
    return {shop.event_id(e) for e in events}


def test_older_and_later(service, db):
    first, older, newer = order(30, "o"), order(40, "o"), order(20, "o")
    for e in (first, older, newer):
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == ids(older)
    assert service.metric("out_of_order_total") == 1
    between = order(25, "o")
    assert service.deliver(between)["result"] == "stored"
    assert late(db) == ids(older, between)
    assert service.metric("out_of_order_total") == 2


def test_within_a_batch_the_order_of_arrival_counts(service, db):
    events = [order(m, "o") for m in (50, 40, 45, 30, 30, 35)]
    assert tally(service.publish(events)) == (6, 0, 0)
    assert late(db) == ids(events[2], events[5])
    after = [order(33, "o"), order(29, "o"), order(20, "p"), order(29.5, "o")]
    assert tally(service.publish(after)) == (4, 0, 0)
    assert late(db) == ids(events[2], events[5], after[0], after[3])
    assert service.metric("out_of_order_total") == 4


def test_each_entity_and_source_has_its_own_order(service, db):
    events = [
        order(10, "o"),
        order(20, "other"),
        order(30, "o", source="another"),
        shop.page_view(
            session_id="o", order_id="o", timestamp=shop.rfc3339(shop.minutes_ago(40))
        ),
        shop.registration(customer_id="o", timestamp=shop.rfc3339(shop.minutes_ago(50))),
    ]
    for e in events:
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == set()


@pytest.mark.parametrize("kind", [str, int])
def test_an_explicit_sequence_goes_before_the_time(service, db, kind):
    second = order(20, "o", sequence=kind(2))
    tenth = order(30, "o", sequence=kind(10))
    third = order(5, "o", sequence=kind(3))
    for e in (second, tenth, third):
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == ids(third)
    untold, older = order(40, "o"), order(50, "o")  # compared by time, with each other alone
    for e in (untold, older):
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == ids(third, older)


def test_what_is_no_integer_is_no_sequence(service, db):
    events = [order(30, "o", sequence="b"), order(40, "o", sequence="a"), order(20, "o")]
    for e in events:
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == ids(events[1])


def test_a_redelivery_counts_once(service, db):
    first, older = order(10, "o"), order(20, "o")
    assert tally(service.publish([first, older])) == (2, 0, 0)
    assert tally(service.publish([older, first, older])) == (0, 3, 0)
    assert late(db) == ids(older)
    assert service.metric("out_of_order_total") == 1


def test_a_session_over_its_kinds_of_events(service, db):
    session = {"session_id": "s", "customer_id": "c"}

    def at(minutes):
        return {**session, "timestamp": shop.rfc3339(shop.minutes_ago(minutes))}

    events = [
        shop.page_view(**at(30)),
        shop.add_to_cart(**at(20)),
        shop.product_view(**at(25)),
        shop.checkout(**at(10)),
    ]
    for e in events:
        assert service.deliver(e)["result"] == "stored"
    assert late(db) == ids(events[2])


def test_kept_over_restarts_and_for_all_workers(launch, db):
    newer = order(10, "o")
    first = launch(db)
    assert first.deliver(newer)["result"] == "stored"
    first.stop()
    second, older = launch(db, workers=2), order(20, "o")
    assert second.deliver(older)["result"] == "stored"
    assert late(db) == ids(older)
    row = db.rows("SELECT last_time, touched_on FROM event_sequence_tracking")
    assert [r["last_time"] for r in row] == [
        dt.datetime.fromisoformat(newer["data"]["timestamp"].replace("Z", "+00:00"))
    ]
