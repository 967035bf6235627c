"""The circuit breaker: after five failures in a row nothing is asked of PostgreSQL any more, until one
probe over a fresh connection finds it back."""
import grpc
import pytest

from fixture import events as shop
from fixture.ports import free_port
from fixture.proxy import Proxy
from fixture.service import tally
from fixture.wait import wait_until

OVERVIEW = "/api/v1/analytics/dashboard/overview?dateRange=7d"
CLOSED, HALF_OPEN, OPEN = 0, 1, 2
AN_HOUR_MS = 3600000


def state(service):
    return service.metric("db_breaker_state")


def wait_for_state(service, wanted):
    wait_until(lambda: state(service) == wanted, f"the breaker's state is {wanted}")


def sessions(db):
    return db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'analytics' AND datname = %s",
        db.name,
    )


@pytest.fixture
def relay(db):
    p = Proxy(free_port(), db.server.port)
    yield p
    p.close()


def test_open_it_touches_no_connection(own_postgres, launch):
    db = own_postgres.database()
    service = launch(db, breaker_open_ms=AN_HOUR_MS, projector=0)  # which has a connection of its own
    event = shop.page_view()
    assert state(service) == CLOSED
    own_postgres.stop()
    assert service.publish_fails([event]) == grpc.StatusCode.UNAVAILABLE
    wait_for_state(service, OPEN)

    own_postgres.start()  # and nobody may notice before the probe
    for _ in range(20):
        assert service.publish_fails([event]) == grpc.StatusCode.UNAVAILABLE
        assert service.deliver(event) == {"status": "RETRY"}
        assert service.deliver(shop.page_view(session_id="")) == {"status": "RETRY"}
        answer = service.http("GET", OVERVIEW)
        assert answer.status == 503 and int(answer.headers["retry-after"]) > 0
    assert service.http("GET", "/health/ready").status == 503
    assert service.http("GET", "/health/live").status == 200
    assert sessions(db) == 0
    assert state(service) == OPEN
    assert db.events() == [] and db.letters() == []


def test_closed_again_by_a_probe(own_postgres, launch):
    db = own_postgres.database()
    service = launch(db, workers=2)
    event = shop.page_view()
    own_postgres.stop("immediate")
    wait_for_state(service, OPEN)
    own_postgres.start()
    wait_for_state(service, CLOSED)
    wait_until(
        lambda: service.deliver(event).get("result") in ("stored", "duplicate"), "stored after all"
    )
    assert len(db.events()) == 1
    assert service.http("GET", OVERVIEW).status == 200


def test_away_from_the_start(own_postgres, launch):
    db = own_postgres.database()
    own_postgres.stop()
    service = launch(db, wait_for="live")
    wait_for_state(service, OPEN)
    own_postgres.start()
    service.wait_for("ready")
    assert state(service) == CLOSED
    assert service.deliver(shop.page_view())["result"] == "stored"


def test_fewer_failures_open_nothing(own_postgres, launch):
    db = own_postgres.database()
    service = launch(db, breaker_failures=1000, breaker_open_ms=AN_HOUR_MS)
    own_postgres.stop()
    for _ in range(10):
        assert service.publish_fails([shop.page_view()]) == grpc.StatusCode.UNAVAILABLE
    assert state(service) == CLOSED
    own_postgres.start()
    service.wait_for("ready")
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


def test_silence_opens_it_and_one_probe_goes_out(launch, db, relay):
    service = launch(
        db,
        db_port=relay.port,
        db_statement_timeout_ms=500,
        db_connect_timeout_sec=2,
        query_timeout_ms=1000,
        breaker_open_ms=2000,
        projector=0,  # it has a connection of its own, which calls do not need
    )
    event = shop.page_view()
    relay.stall()
    while state(service) == CLOSED:
        assert service.publish_fails([event], timeout=30) == grpc.StatusCode.UNAVAILABLE

    # What was being opened when it opened may end meanwhile; nothing new begins but the probe.
    wait_for_state(service, OPEN)
    before = relay.connections
    assert service.publish_fails([event]) == grpc.StatusCode.UNAVAILABLE
    assert service.http("GET", OVERVIEW).status == 503
    wait_for_state(service, HALF_OPEN)
    assert service.publish_fails([event]) == grpc.StatusCode.UNAVAILABLE
    wait_for_state(service, OPEN)
    assert relay.connections == before + 1

    relay.resume()
    wait_for_state(service, CLOSED)
    service.wait_for("ready")
    assert sum(tally(service.publish([event]))) == 1
    assert [r["event_id"] for r in db.events()] == [shop.event_id(event)]
    assert db.letters() == []
