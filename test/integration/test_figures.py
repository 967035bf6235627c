"""The figures that dashboards and alarms are built on: their names and labels are a contract."""
from fixture import events as shop
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
PROMISED = """
    events_total events_received_total events_in_flight conservation_gap
    validation_rejections_total dead_letters processing_lag_seconds batch_size ingest_seconds
    db_connections db_breaker_state dedup_cache_hits_total dedup_cache_misses_total
    dedup_cache_entries rpc_seconds http_requests_total job_last_success_timestamp_seconds
    reconciliation_gap_ratio out_of_order_total
""".split()


def test_all_are_there_with_their_labels(launch, db):
    service = launch(db, workers=2)
    event = shop.page_view()
    service.publish([event, shop.again(event)])
    service.deliver(shop.again(event))
    service.deliver(shop.page_view(session_id=None))
    text = service.http("GET", "/metrics").body.decode()
    assert [n for n in PROMISED if f"# TYPE analytics_{n} " not in text] == []
    for series, at_least in (
        ('events_total{type="page_view",result="stored"}', 1),
        ('events_total{type="page_view",result="duplicate"}', 2),
        ('validation_rejections_total{code="MISSING_FIELD",topic="analytics.page_view"}', 1),
        ('db_connections{state="ready"}', 4),
        ('http_requests_total{route="/events/page-views",code="200"}', 2),
        ("events_received_total", 4),
        ("batch_size_count", 1),
        ("ingest_seconds_count", 1),
    ):
        assert service.metrics()["analytics_" + series] >= at_least, series
    rpc = 'method="api.analytics.v1.EventIngestService/PublishEvents",code="OK"'
    assert f"analytics_rpc_seconds_count{{{rpc}}} 1" in text


def test_dead_letters_are_counted_as_they_lie_there(launch, db):
    service = launch(db, workers=2)

    def lie_there(expected):
        wait_until(
            lambda: all(
                service.metric("dead_letters", topic=topic, status=status) == n
                for (topic, status), n in expected.items()
            ),
            f"{expected} dead letters",
        )

    for _ in range(3):
        service.deliver(shop.page_view(session_id=None))
    service.deliver(shop.cloud_event("no.such.type", {"a": 1}))
    page_view = "analytics.page_view"
    lie_there({(page_view, "pending"): 3, ("unknown", "pending"): 1})
    ids = [r["id"] for r in db.letters(topic=page_view)]
    service.call(ADMIN + "DiscardDeadLetters", ids=ids[:2])
    lie_there({(page_view, "pending"): 1, (page_view, "discarded"): 2})
    db.execute("DELETE FROM dead_letter_queue WHERE topic = %s", page_view)
    lie_there({(page_view, "pending"): 0, ("unknown", "pending"): 1})
