"""Memory for events in flight has a ceiling: beyond it callers are refused, and told to come
back."""
import concurrent.futures as cf

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
                shop.page_view(filler="x" * 10_000),
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
