"""StreamEvents: each message is answered once, in order, after its commit."""
import queue

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import tally
from fixture.wait import wait_until

RPC = "api.analytics.v1.EventIngestService/StreamEvents"


def request(events):
    cls = protos.method(RPC)[0]
    return cls(events=[shop.as_proto(e) for e in events])


class Stream:
    """One stream under the test's control: send when told, answers as they come."""

    def __init__(self, channel):
        self.outgoing = queue.Queue()
        self.answers = protos.stub(channel, RPC)(iter(self.outgoing.get, None), timeout=60)

    def send(self, events):
        self.outgoing.put(request(events))

    def close(self):
        self.outgoing.put(None)


def stored(db):
    rows, ids = "SELECT count(*)", "SELECT count(DISTINCT event_id)"
    return tuple(db.value(f"{count} FROM analytics_events") for count in (rows, ids))


def test_every_message_is_answered_in_order_after_its_commit(service, db):
    stream = Stream(service.grpc_channel)
    for n in (1, 300, 0, 2):
        stream.send([shop.page_view() for _ in range(n)])
        assert tally(next(stream.answers)) == (n, 0, 0)
    assert stored(db) == (303, 303)
    stream.close()
    assert list(stream.answers) == []
    assert stream.answers.code() == grpc.StatusCode.OK


def test_more_messages_than_the_window(service, db):
    batches = [[shop.page_view() for _ in range(n % 7)] for n in range(100)]
    stream = Stream(service.grpc_channel)
    for b in batches:
        stream.send(b)
    stream.close()
    assert [tally(a)[0] for a in stream.answers] == [len(b) for b in batches]
    assert stored(db)[0] == sum(len(b) for b in batches)


def test_duplicates_and_rejections_are_told(service):
    event, bad = shop.page_view(), shop.page_view(session_id=None)
    stream = Stream(service.grpc_channel)
    stream.send([event])
    first = next(stream.answers)
    stream.send([event, bad])
    second = next(stream.answers)
    stream.close()
    assert (tally(first), tally(second)) == ((1, 0, 0), (0, 1, 1))
    assert [(r.index, r.status) for r in second.results] == [(0, "duplicate"), (1, "rejected")]
    assert second.results[1].error.field == "data.session_id"


def test_a_client_that_leaves_loses_nothing_that_was_answered(service, db):
    stream = Stream(service.grpc_channel)
    stream.send([shop.page_view() for _ in range(10)])
    next(stream.answers)
    for _ in range(20):
        stream.send([shop.page_view() for _ in range(50)])
    stream.answers.cancel()
    wait_until(lambda: service.metric("events_in_flight") == 0, "nothing in flight")
    assert stored(db)[0] >= 10
    assert service.publish([shop.page_view()]).accepted == 1


@pytest.mark.parametrize("message", ["over 5000 events", "no message"])
def test_a_message_that_cannot_be_taken_ends_the_stream(service, message):
    raw = b"\x0a\x00" * 5001 if message == "over 5000 events" else b"\xff"
    call = service.grpc_channel.stream_stream("/" + RPC)
    with pytest.raises(grpc.RpcError) as e:
        list(call(iter([raw]), timeout=30))
    assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_an_open_stream_does_not_hold_up_the_end(service):
    stream = Stream(service.grpc_channel)
    stream.send([shop.page_view()])
    next(stream.answers)
    service.stop()  # checks that it exits with 0
    assert "not everything ended" not in service.stderr()
    stream.close()
