"""PostgreSQL is away: everybody is told at once to come back, nothing is lost or dead-lettered, and
all is well when it returns, without a restart."""
import time

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.postgres import Database
from fixture.service import failure, tally
from fixture.wait import wait_until

CONTRACT_S = 1  # UNAVAILABLE comes within
OVERVIEW = "/api/v1/analytics/dashboard/overview?dateRange=7d"


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_stopped_and_started(own_postgres, launch, mode):
    db = own_postgres.database()
    service = launch(db)
    known = shop.purchase()
    assert service.deliver(known)["result"] == "stored"
    own_postgres.stop(mode)

    began = time.monotonic()
    e = failure(lambda: service.publish([shop.page_view()]))
    assert e.code() == grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - began < CONTRACT_S
    wait_until(lambda: service.http("GET", "/health/ready").status == 503, "not ready")
    assert service.http("GET", "/health/live").status == 200
    event, bad = shop.page_view(), shop.page_view(session_id="")
    for _ in range(10):  # more than opens any breaker
        assert service.publish_fails([event]) == grpc.StatusCode.UNAVAILABLE
        assert service.publish_fails([bad]) == grpc.StatusCode.UNAVAILABLE
        assert service.deliver(event) == {"status": "RETRY"}
        assert service.deliver(bad) == {"status": "RETRY"}, "its dead letter cannot be committed"
        assert [s["status"] for s in service.deliver_bulk([event, bad])] == ["RETRY", "RETRY"]
        for body, kind in (
            (event, "application/cloudevents+json"),
            ([event, bad], "application/cloudevents-batch+json"),
        ):
            a = service.http("POST", "/events", body, kind)
            assert a.status == 503 and int(a.headers["retry-after"]) > 0
    overview = service.http("GET", OVERVIEW)
    assert overview.status == 503 and int(overview.headers["retry-after"]) > 0
    assert (
        failure(
            lambda: service.call("api.analytics.v1.AnalyticsService/GetDashboardOverview")
        ).code()
        == grpc.StatusCode.UNAVAILABLE
    )

    own_postgres.start()
    wait_until(lambda: service.http("GET", "/health/ready").status == 200, "ready again")
    assert db.letters() == []
    assert service.deliver(event)["result"] == "stored"
    assert service.deliver(known)["result"] == "duplicate"
    assert tally(service.publish([event, shop.page_view(), bad])) == (1, 1, 1)
    wait_until(lambda: service.http("GET", OVERVIEW).status == 200, "questions are answered again")
    assert len(db.events()) == 3 and len(db.letters()) == 1
    conserved(service)


def conserved(service):
    """Every event that was received has a verdict."""
    assert service.metric("events_in_flight") == 0
    assert service.metric("events_received_total") == service.metric("events_total") > 0


def test_started_before_postgresql(own_postgres, launch):
    db = own_postgres.database()
    own_postgres.stop()
    service = launch(db, wait_for="live")
    assert service.http("GET", "/health/ready").status == 503
    assert service.deliver(shop.page_view()) == {"status": "RETRY"}
    own_postgres.start()
    service.wait_for("ready")
    assert service.deliver(shop.page_view())["result"] == "stored"


def test_retry_info_comes_with_unavailable(own_postgres, launch):
    service = launch(own_postgres.database())
    own_postgres.stop()
    wait_until(lambda: service.http("GET", "/health/ready").status == 503, "not ready")
    e = failure(lambda: service.publish([shop.page_view()]))
    details = protos.message("google.rpc.Status").FromString(
        dict(e.trailing_metadata())["grpc-status-details-bin"]
    )
    [retry] = [d for d in details.details if d.type_url.endswith("google.rpc.RetryInfo")]
    assert (
        protos.message("google.rpc.RetryInfo").FromString(retry.value).retry_delay.ToMilliseconds()
        > 0
    )


def test_read_only_is_away_too(own_postgres, launch):
    """As after a failover to a standby: nothing can be stored, and nothing is an event's fault."""
    db, admin = own_postgres.database(), Database(own_postgres, "postgres")
    service = launch(db)
    reconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'analytics'"
    admin.execute(f"ALTER DATABASE {db.name} SET default_transaction_read_only = on")
    admin.rows(reconnect)
    event, bad = shop.page_view(), shop.page_view(session_id="")
    for _ in range(10):
        assert service.deliver(event) == {"status": "RETRY"}
        assert service.deliver(bad) == {"status": "RETRY"}
        assert service.publish_fails([event, bad]) == grpc.StatusCode.UNAVAILABLE
    admin.execute(f"ALTER DATABASE {db.name} RESET default_transaction_read_only")
    admin.rows(reconnect)
    wait_until(lambda: service.deliver(event)["status"] == "SUCCESS", "stored after all")
    assert len(db.events()) == 1 and db.letters() == []
    conserved(service)
