"""received = stored + duplicate + rejected + refused + in flight, over all ways in, counted by us as
well: what we sent must be what the service says it received, whatever became of it."""
import concurrent.futures as cf
import os
import signal

import grpc

from fixture import events as shop
from fixture import protos
from fixture.dapr import bulk, topic_event
from fixture.service import PUBLISH
from fixture.wait import wait_until

STREAM = "api.analytics.v1.EventIngestService/StreamEvents"
BULK = "AppCallback/OnBulkTopicEvent"
BATCH = "application/cloudevents-batch+json"
REFUSED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class Driver:
    """Sends over every way in, and counts."""

    def __init__(self, service, db):
        self.service, self.db, self.sent = service, db, 0

    def count(self, events):
        self.sent += len(events)
        return events

    def everywhere(self, make):
        """make() gives a way its events; the failures are for the caller to expect."""
        s = self.service
        ways = [
            lambda e: s.publish(e),
            lambda e: list(protos.stub(s.grpc_channel, STREAM)(iter([shop.publish_request(e)]))),
            lambda e: [topic_event(s, one) for one in e],
            lambda e: bulk(s, e, BULK),
            lambda e: [s.deliver(one) for one in e],
            s.deliver_bulk,
            lambda e: s.http("POST", "/events", e, BATCH),
            lambda e: [s.http("POST", "/events", x, "application/cloudevents+json") for x in e],
        ]
        for way in ways:
            try:
                way(self.count(make()))
            except grpc.RpcError as e:
                assert e.code() in REFUSED, e

    def hold(self):
        """Nothing can be stored until the connection that is returned is closed."""
        c = self.db.connect(autocommit=False)
        c.cursor().execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        return c

    def publish_later(self, events):
        stub = protos.stub(self.service.channel(), PUBLISH)
        return stub.future(shop.publish_request(self.count(events)), timeout=120)

    def balance(self):
        s = self.service
        settled = {
            r: s.metric("events_total", result=r)
            for r in ("stored", "duplicate", "rejected", "refused")
        }
        in_flight = s.metric("events_in_flight")
        assert s.metric("conservation_gap") == 0
        return s.metric("events_received_total"), settled, in_flight


def mixed():
    good = shop.page_view()
    return [good, shop.again(good), shop.page_view(session_id=None), shop.purchase()]


def test_good_duplicate_and_bad(launch, db):
    service = launch(db, workers=2)
    driver = Driver(service, db)
    driver.everywhere(mixed)
    received, settled, in_flight = driver.balance()
    assert (received, in_flight) == (driver.sent, 0) == (32, 0)
    assert settled == {"stored": 16, "duplicate": 8, "rejected": 8, "refused": 0}


def big():
    return [shop.page_view(filler="x" * 20_000) for _ in range(3)]


def over_the_budget(driver):
    """Calls of every kind while nothing moves and the queue is full."""
    blocker, service = driver.hold(), driver.service
    try:
        calls = [driver.publish_later(big()) for _ in range(40)]
        wait_until(lambda: any(c.done() for c in calls), "calls are refused")
        with cf.ThreadPoolExecutor(60) as pool:
            waiting = [
                pool.submit(service.http, "POST", "/events", driver.count(big() * 3), BATCH)
                for _ in range(30)
            ]
            waiting.append(
                pool.submit(service.http, "POST", "/events", driver.count(many()), BATCH)
            )
            wait_until(waiting[-1].done, "over HTTP too")
            blocker.close()
            assert waiting[-1].result().status == 503
            assert {w.result().status for w in waiting} <= {200, 503}
        assert {c.code() for c in calls} == {
            grpc.StatusCode.OK,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        }
    finally:
        blocker.close()


def many():
    """More than are looked at at once: when the first are refused, so is the rest."""
    return [shop.page_view(filler="x" * 1000) for _ in range(1300)]


def callers_that_leave(driver):
    """Of a call and of a stream; and a worker dies with what it had."""
    blocker, service = driver.hold(), driver.service
    try:
        before = service.metric("events_received_total")
        call = driver.publish_later([shop.page_view()] * 100)
        stub = protos.stub(service.channel(), STREAM)
        events = driver.count([shop.page_view() for _ in range(900)])
        stream = stub(iter([shop.publish_request(events)]), timeout=120)
        wait_until(
            lambda: service.metric("events_received_total") == before + 1000, "both have arrived"
        )
        call.cancel()
        stream.cancel()
        doomed = driver.publish_later([shop.page_view() for _ in range(10)])
        wait_until(lambda: service.metric("events_received_total") == before + 1010, "and this")
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        assert doomed.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        blocker.close()
    service.close_channels()
    service.wait_for("ready")
    service.wait_for_all()


def test_whatever_becomes_of_them(launch, own_postgres):
    db = own_postgres.database()
    service = launch(db, workers=2, ingest_queue_mib=1, db_statement_timeout_ms=120_000)
    driver = Driver(service, db)
    over_the_budget(driver)
    wait_until(lambda: service.metric("events_in_flight") == 0, "all are settled")
    _, settled, _ = driver.balance()
    assert settled["refused"] > 1300 and settled["stored"] > 0
    callers_that_leave(driver)
    own_postgres.stop("immediate")
    before = driver.balance()[1]
    driver.everywhere(mixed)
    wait_until(lambda: service.metric("events_in_flight") == 0, "all are settled")
    after = driver.balance()[1]
    assert after["refused"] - before["refused"] == 32
    own_postgres.start()
    service.wait_for("ready")
    driver.everywhere(mixed)
    received, settled, in_flight = driver.balance()
    assert (received, in_flight) == (driver.sent, 0)
    assert sum(settled.values()) == received
    # What PostgreSQL holds: a batch may have been committed whose answer its death took along.
    assert db.value("SELECT count(*) FROM analytics_events") >= settled["stored"]
    service.stop()
    assert '"where":"conserve"' not in service.stderr()
