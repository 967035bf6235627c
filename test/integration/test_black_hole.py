"""A PostgreSQL that takes connections and stays silent: callers hear of it, and nothing hangs."""
import grpc
import pytest

from fixture import events as shop
from fixture.ports import free_port
from fixture.proxy import Proxy, Silence
from fixture.service import tally
from fixture.wait import wait_until

SETTINGS = {"db_statement_timeout_ms": 1000, "db_connect_timeout_sec": 2, "query_timeout_ms": 1000}


@pytest.fixture
def relay(db):
    p = Proxy(free_port(), db.server.port)
    yield p
    p.close()


def test_silent_from_the_start(launch, db):
    silence = Silence(free_port())
    service = launch(db, wait_for="live", **{**SETTINGS, "db_port": silence.port})
    try:
        assert service.http("GET", "/health/ready").status == 503
        assert service.publish_fails([shop.page_view()], timeout=30) == grpc.StatusCode.UNAVAILABLE
        assert service.deliver(shop.page_view()) == {"status": "RETRY"}
        assert (
            service.http("POST", "/events", shop.page_view(), "application/cloudevents+json").status
            == 503
        )
        assert service.http("GET", "/api/v1/analytics/dashboard/overview?dateRange=7d").status in (
            503,
            504,
        )
        assert service.http("GET", "/health/live").status == 200
    finally:
        silence.close()


def test_silent_later(launch, db, relay):
    service = launch(db, **{**SETTINGS, "db_port": relay.port})
    first = shop.page_view()
    assert tally(service.publish([first])) == (1, 0, 0)
    relay.stall()
    event = shop.page_view()
    for _ in range(3):
        assert service.publish_fails([event], timeout=30) == grpc.StatusCode.UNAVAILABLE
        assert service.deliver(event) == {"status": "RETRY"}
        assert service.http("GET", "/health/live").status == 200
    assert service.http("GET", "/api/v1/analytics/dashboard/overview?dateRange=7d").status in (
        503,
        504,
    )
    wait_until(lambda: service.http("GET", "/health/ready").status == 503, "not ready")
    relay.resume()
    service.wait_for("ready")
    assert sum(tally(service.publish([event]))) == 1
    assert service.deliver(first)["result"] == "duplicate"
    assert sorted(r["event_id"] for r in db.events()) == sorted(
        [shop.event_id(first), shop.event_id(event)]
    )
    assert db.letters() == []


def test_ends_in_time_all_the_same(launch, db, relay):
    service = launch(db, **{**SETTINGS, "db_port": relay.port, "drain_ms": 2000})
    service.publish([shop.page_view()])
    relay.stall()
    service.process.terminate()
    assert service.process.wait(60) == 0
