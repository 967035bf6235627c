"""SIGTERM under load: what was taken is committed and answered, then the service ends well."""
import concurrent.futures as cf
import http.client
import signal
import threading

import grpc
import pytest

from fixture import events as shop
from fixture.service import failure
from fixture.wait import wait_until


class Load:
    """Clients over both doors that note what was acknowledged, until the door is closed to them."""

    def __init__(self, service):
        self.service, self.acked, self.bad = service, set(), []
        self.stopped, self.lock = threading.Event(), threading.Lock()
        self.pool = cf.ThreadPoolExecutor(8)
        self.futures = [self.pool.submit(self._grpc if i % 2 else self._http) for i in range(8)]

    def _note(self, events):
        with self.lock:
            self.acked.update(shop.event_id(e) for e in events)

    def _grpc(self):
        channel = self.service.channel()
        while not self.stopped.is_set():
            events = [shop.page_view() for _ in range(20)]
            try:
                r = self.service.publish(events, channel, timeout=30)
            except grpc.RpcError as e:
                # CANCELLED: it crossed the server's GOAWAY on the wire, and nobody had taken it.
                if e.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                    self.bad.append(str(e))
                return
            if r.accepted != 20:
                self.bad.append(str(r))
            self._note(events)

    def _http(self):
        while not self.stopped.is_set():
            event = shop.page_view()
            try:
                answer = self.service.deliver(event)
            except (OSError, http.client.HTTPException):
                return
            if answer == {"status": "RETRY"}:
                return
            if answer["result"] != "stored":
                self.bad.append(str(answer))
            self._note([event])

    def end(self):
        self.stopped.set()
        for f in self.futures:
            f.result(60)


@pytest.mark.parametrize("workers", [1, 3])
def test_under_load(launch, db, workers):
    service = launch(db, workers)
    load = Load(service)
    wait_until(lambda: len(load.acked) > 300, "there is load")
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0, service.stderr()[-4000:]
    load.end()
    assert load.bad == []
    stored = [r["event_id"] for r in db.rows("SELECT event_id FROM analytics_events")]
    assert len(stored) == len(set(stored)) and load.acked <= set(stored)
    service.check_stderr()


def test_what_waits_for_postgresql_is_answered_first(launch, db):
    service = launch(db)
    blocker = db.connect(autocommit=False)
    try:
        blocker.cursor().execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        events = [shop.page_view() for _ in range(10)]
        with cf.ThreadPoolExecutor(2) as pool:
            over_grpc = pool.submit(service.publish, events)
            over_http = pool.submit(service.deliver, other := shop.page_view())
            wait_until(
                lambda: db.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE usename = 'analytics' AND datname = %s "
                    "AND wait_event_type = 'Lock'",
                    db.name,
                ),
                "a batch is under way",
            )
            wait_until(lambda: service.metric("events_in_flight") == 11, "both were taken in")
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refused(service), "no new calls")
            blocker.rollback()
            assert over_grpc.result(60).accepted == 10
            assert over_http.result(60)["result"] == "stored"
    finally:
        blocker.close()
    assert service.process.wait(60) == 0
    assert {r["event_id"] for r in db.events()} == {shop.event_id(e) for e in [*events, other]}


def refused(service):
    """A new HTTP connection is not taken any more, or told that we are not ready."""
    try:
        return service.http("GET", "/health/ready", timeout=5).status == 503
    except (OSError, http.client.HTTPException):
        return True


def test_with_postgresql_away(own_postgres, launch):
    service = launch(own_postgres.database())
    own_postgres.stop()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0


def test_twice(launch, db):
    service = launch(db)
    service.process.send_signal(signal.SIGTERM)
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0


def test_sigint_ends_it_too(launch, db):
    service = launch(db)
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(60) == 0


def test_what_cannot_be_committed_in_time_is_not_acknowledged(launch, db):
    service = launch(db, drain_ms=1000)
    blocker = db.connect(autocommit=False)
    try:
        blocker.cursor().execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        events = [shop.page_view(), shop.page_view()]
        with cf.ThreadPoolExecutor(2) as pool:
            over_grpc = pool.submit(failure, lambda: service.publish(events[:1]))
            over_http = pool.submit(answered, service, events[1])
            wait_until(lambda: service.metric("events_in_flight") == 2, "both were taken in")
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(60) == 0, service.stderr()[-4000:]
            codes = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
            assert over_grpc.result(60).code() in codes
            assert not over_http.result(60)
    finally:
        blocker.close()


def answered(service, event):
    """Whether the service said that the event is stored."""
    try:
        return service.deliver(event)["status"] == "SUCCESS"
    except (OSError, http.client.HTTPException):
        return False
