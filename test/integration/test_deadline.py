"""A caller's deadline, and its leaving, reach the SQL of its query. What waits for a lock here ends
by its lock_timeout after 2 s at most; the deadlines in question are shorter."""
import contextlib

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import PUBLISH, failure, tally
from fixture.wait import wait_until

OVERVIEW = "api.analytics.v1.AnalyticsService/GetDashboardOverview"
PATH = "/api/v1/analytics/dashboard/overview?dateRange=7d"


def running(db):
    """The statements that the service is running right now."""
    return db.rows(
        "SELECT pid, query, wait_event_type FROM pg_stat_activity "
        "WHERE datname = %s AND usename = 'analytics' AND state = 'active'",
        db.name,
    )


def waiting(db):
    return [q for q in running(db) if q["wait_event_type"] == "Lock"]


@contextlib.contextmanager
def lock(db, table="sales_days"):
    """A table that the overview reads, locked against every reader by somebody else."""
    with contextlib.closing(db.connect(autocommit=False)) as c:
        c.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield c


def ask(service, channel=None, **how):
    request = protos.method(OVERVIEW)[0](date_range="7d")
    return protos.stub(channel or service.grpc_channel, OVERVIEW).future(request, **how)


@pytest.fixture
def service(service):
    """It has answered once: a fresh connection would wait for the lock before it has a query."""
    assert ask(service, timeout=60).result().HasField("metrics")
    return service


def well_again(service):
    return wait_until(lambda: service.http("GET", PATH).status == 200, "queries are answered again")


def test_deadline(service, db):
    with lock(db):
        e = failure(ask(service, timeout=0.5).result)
        assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: not running(db), "no statement of the service is running")
    well_again(service)


def test_deadline_of_a_query_that_was_seen_running(service, db):
    with lock(db):
        call = ask(service, timeout=1)
        wait_until(lambda: waiting(db), "the query waits for the lock")
        assert failure(call.result).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: not running(db), "no statement of the service is running")
    well_again(service)


def test_own_deadline_when_the_caller_names_none(launch, db):
    service = launch(db, query_timeout_ms=400)
    wait_until(lambda: service.http("GET", PATH).status == 200, "a first answer")
    with lock(db):
        assert failure(ask(service).result).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        wait_until(lambda: not running(db), "no statement of the service is running")
        assert service.http("GET", PATH).status == 504
    well_again(service)


def test_cancel(service, db):
    with lock(db):
        call = ask(service, timeout=60)
        wait_until(lambda: waiting(db), "the query waits for the lock")
        call.cancel()
        wait_until(lambda: not running(db), "no statement of the service is running")
    well_again(service)


def test_a_client_that_vanishes(service, db):
    with lock(db):
        channel = service.channel()
        call = ask(service, channel, timeout=60)
        wait_until(lambda: waiting(db), "the query waits for the lock")
        channel.close()
        wait_until(lambda: not running(db), "no statement of the service is running")
        assert call.done()
    well_again(service)


def test_an_ingest_batch_is_never_cancelled(service, db):
    event = shop.page_view()
    with lock(db, "analytics_events") as holder:
        request = shop.publish_request([event])
        call = protos.stub(service.grpc_channel, PUBLISH).future(request, timeout=60)
        wait_until(lambda: waiting(db), "the batch waits for the lock")
        call.cancel()
        holder.rollback()
    wait_until(lambda: db.events(), "the event is stored although its caller left")
    assert tally(service.publish([event])) == (0, 1, 0)
