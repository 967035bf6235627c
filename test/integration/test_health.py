"""grpc.health.v1 and the HTTP health pages say whether the service takes events."""
import queue
import threading

import grpc

from fixture import protos
from fixture.service import failure
from fixture.wait import wait_until

CHECK, WATCH = "grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


def watch(service, name=""):
    """A queue of the statuses that Watch tells, and the call."""
    call = protos.stub(service.channel(), WATCH)(
        protos.message("grpc.health.v1.HealthCheckRequest")(service=name)
    )
    told = queue.Queue()

    def listen():
        try:
            for r in call:
                told.put(r.status)
        except grpc.RpcError as e:
            told.put(e.code())

    threading.Thread(target=listen, daemon=True).start()
    return told, call


def test_check(service):
    for name in ("", "api.analytics.v1.AnalyticsService", "api.analytics.v1.EventIngestService"):
        assert service.call(CHECK, service=name).status == SERVING
    assert (
        failure(lambda: service.call(CHECK, service="no.such.Service")).code()
        == grpc.StatusCode.NOT_FOUND
    )
    assert service.http("GET", "/health/live").status == 200
    assert service.http("GET", "/health/ready").status == 200


def test_watch_of_an_unknown_service_waits(service):
    told, call = watch(service, "no.such.Service")
    assert told.get(timeout=60) == SERVICE_UNKNOWN
    call.cancel()


def test_watch_follows_postgresql(own_postgres, launch):
    service = launch(own_postgres.database())
    told, call = watch(service)
    assert told.get(timeout=60) == SERVING
    own_postgres.stop()
    assert told.get(timeout=60) == NOT_SERVING
    assert service.call(CHECK).status == NOT_SERVING
    assert service.http("GET", "/health/ready").status == 503
    assert service.http("GET", "/health/live").status == 200
    own_postgres.start()
    assert told.get(timeout=60) == SERVING
    assert service.call(CHECK).status == SERVING
    wait_until(lambda: service.http("GET", "/health/ready").status == 200, "ready again")
    call.cancel()


def test_many_watchers_come_and_go(service):
    calls = [watch(service) for _ in range(50)]
    for told, _ in calls:
        assert told.get(timeout=60) == SERVING
    for _, call in calls[::2]:
        call.cancel()
    assert service.call(CHECK).status == SERVING


def test_watchers_hear_of_the_end(service):
    told, _ = watch(service)
    assert told.get(timeout=60) == SERVING
    service.process.terminate()
    end = told.get(timeout=60)
    assert end == NOT_SERVING or isinstance(end, grpc.StatusCode)
    service.process.wait(60)
