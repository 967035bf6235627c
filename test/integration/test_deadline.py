"""A caller's deadline, and its leaving, reach the SQL of its query."""
import contextlib

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import failure, tally
from fixture.wait import wait_until

OVERVIEW = "api.analytics.v1.AnalyticsService/GetDashboardOverview"


def running(db):
    """The statements that the service is running right now."""
    return db.rows(
        "SELECT pid, query, wait_event_type FROM pg_stat_activity "
        "WHERE datname = %s AND usename = 'analytics' AND state = 'active'",
        db.name,
    )


@pytest.fixture
def locked(db):
    """The events table, locked against every reader by somebody else."""
    with contextlib.closing(db.connect(autocommit=False)) as c:
        c.cursor().execute("LOCK TABLE analytics_events IN ACCESS EXCLUSIVE MODE")
        yield c


def ask(service, **how):
    return protos.stub(service.grpc_channel, OVERVIEW).future(
        protos.method(OVERVIEW)[0](date_range="7d"), **how
    )


def test_deadline(service, db, locked):
    e = failure(ask(service, timeout=0.5).result)
    assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: not running(db), "no statement of the service is running")
    locked.rollback()
    assert ask(service, timeout=60).result().HasField("metrics")


def test_deadline_of_a_query_that_was_seen_running(service, db, locked):
    call = ask(service, timeout=5)
    wait_until(
        lambda: [q for q in running(db) if q["wait_event_type"] == "Lock"],
        "the query waits for the lock",
    )
    assert failure(call.result).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: not running(db), "no statement of the service is running")


def test_own_deadline_when_the_caller_names_none(launch, db, locked):
    service = launch(db, query_timeout_ms=300)
    assert failure(ask(service).result).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: not running(db), "no statement of the service is running")
    assert service.http("GET", "/api/v1/analytics/dashboard/overview?dateRange=7d").status == 504


def test_cancel(service, db, locked):
    call = ask(service, timeout=60)
    wait_until(lambda: running(db), "the query runs")
    call.cancel()
    wait_until(lambda: not running(db), "no statement of the service is running")
    locked.rollback()
    assert ask(service, timeout=60).result().HasField("metrics")


def test_a_client_that_vanishes(service, db, locked):
    channel = service.channel()
    protos.stub(channel, OVERVIEW).future(protos.method(OVERVIEW)[0](date_range="7d"), timeout=60)
    wait_until(lambda: running(db), "the query runs")
    channel.close()
    wait_until(lambda: not running(db), "no statement of the service is running")


def test_an_ingest_batch_is_never_cancelled(service, db, locked):
    event = shop.page_view()
    call = protos.stub(
        service.grpc_channel, "api.analytics.v1.EventIngestService/PublishEvents"
    ).future(shop.publish_request([event]), timeout=60)
    wait_until(
        lambda: [q for q in running(db) if q["wait_event_type"] == "Lock"],
        "the batch waits for the lock",
    )
    call.cancel()
    locked.rollback()
    wait_until(lambda: db.events(), "the event is stored although its caller left")
    assert tally(service.publish([event])) == (0, 1, 0)
