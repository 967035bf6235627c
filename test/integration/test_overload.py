"""Memory for events in flight has a ceiling: beyond it callers are refused, and told to come
back. Who floods it does not use up the room of the others."""
import concurrent.futures as cf
import threading
import uuid

import grpc

from fixture import events as shop
from fixture import protos
from fixture.service import PUBLISH, tally
from fixture.wait import wait_until


def test_beyond_the_byte_budget(launch, db):
    service = launch(db, ingest_queue_mib=2, db_statement_timeout_ms=120_000)
    blocker = db.connect(autocommit=False)
    try:
        blocker.cursor().execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        send, calls, batches = protos.stub(service.grpc_channel, PUBLISH), [], []
        for _ in range(40):
            batches.append([shop.page_view(filler="x" * 10_000) for _ in range(20)])
            calls.append(send.future(shop.publish_request(batches[-1]), timeout=120))
        refused = wait_until(lambda: [c for c in calls if c.done()], "calls are refused")
        assert {c.code() for c in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}

        def full():
            a = service.http(
                "POST",
                "/events",
                shop.page_view(filler="x" * 30_000, longer="y" * 30_000, more="z" * 30_000),
                "application/cloudevents+json",
                timeout=120,
            )
            return a.status == 503 and int(a.headers["retry-after"]) > 0

        with cf.ThreadPoolExecutor(40) as pool:
            over_http = [pool.submit(full) for _ in range(40)]
            wait_until(lambda: any(f.done() for f in over_http), "HTTP is refused too")
            assert service.http("GET", "/health/live").status == 200
            blocker.rollback()
            assert any(f.result() for f in over_http)
        codes = [c.code() for c in calls]
    finally:
        blocker.close()
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    stored = {r["event_id"] for r in db.rows("SELECT event_id FROM analytics_events")}
    for batch, code in zip(batches, codes):
        ids = {shop.event_id(e) for e in batch}
        assert ids <= stored if code == grpc.StatusCode.OK else not ids & stored
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)
    assert service.metric("ingest_queue_bytes") == 0
    assert service.metric("events_received_total") == service.metric("events_total")


def retry_delay_s(error):
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = protos.message("google.rpc.Status").FromString(details)
    info = protos.message("google.rpc.RetryInfo")()
    assert any(d.Unpack(info) for d in status.details), status
    return info.retry_delay.ToTimedelta().total_seconds()


def test_a_full_queue_has_room_for_who_did_not_fill_it(launch, db):
    service = launch(db, ingest_queue_mib=2, db_statement_timeout_ms=120_000)
    blocker = db.connect(autocommit=False)
    channels = [service.channel(), service.channel()]
    flooder, other = (protos.stub(c, PUBLISH) for c in channels)
    received = refused = 0
    calls, waiting = [], []

    def arrives(stub, events):
        nonlocal received
        received += len(events)
        call = stub.future(shop.publish_request(events), timeout=120)
        wait_until(lambda: service.metric("events_received_total") == received, "it arrived")
        return call

    try:
        blocker.cursor().execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        size = 512
        while size:  # until not even one more event is taken from it
            calls.append(arrives(flooder, [shop.page_view(filler="x" * 4000) for _ in range(size)]))
            before, refused = refused, service.metric("events_total", result="refused")
            if refused > before:
                size //= 2
        mine, another = shop.page_view(), {**shop.page_view(), "source": "another"}
        waiting = [arrives(other, [mine]), arrives(other, [another])]
        waiting.append(arrives(flooder, [{**another, "id": "by the same sidecar"}]))
    finally:
        blocker.close()
    assert [tally(c.result()) for c in waiting] == [(1, 0, 0), (1, 0, 0), (0, 1, 0)]
    ended = [c for c in calls if c.code() != grpc.StatusCode.OK]
    assert {c.code() for c in ended} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert len(ended) < len(calls) and retry_delay_s(ended[0]) > 0
    assert service.metric("conservation_gap") == 0


def test_a_flood_of_large_batches_and_single_events_beside_it(launch, db):
    service = launch(db, ingest_queue_mib=4)
    mark = "0" * 12
    template = shop.publish_request(
        [shop.page_view(event_id=f"{mark}-{i:04}", filler="x" * 200) for i in range(2000)]
    ).SerializeToString()
    codes, over = [], threading.Event()
    mine = service.channel()

    def flood():
        call = protos.bytes_stub(service.channel(), PUBLISH)
        while not over.is_set():
            request = template.replace(mark.encode(), uuid.uuid4().hex[:12].encode())
            try:
                call(request, timeout=120)
                codes.append(grpc.StatusCode.OK)
            except grpc.RpcError as e:
                codes.append(e.code())
                over.wait(retry_delay_s(e) / 10)

    with cf.ThreadPoolExecutor(16) as pool:
        floods = [pool.submit(flood) for _ in range(16)]
        try:
            wait_until(lambda: grpc.StatusCode.RESOURCE_EXHAUSTED in codes, "a full queue")
            for _ in range(10):
                assert tally(service.publish([shop.page_view()], mine)) == (1, 0, 0)
                assert service.deliver(shop.page_view())["result"] == "stored"
        finally:
            over.set()
        for f in floods:
            f.result()
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
