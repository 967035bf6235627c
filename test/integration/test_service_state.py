"""What the service and its store are like, as operators ask: any worker answers for all."""
import threading

from fixture import events as shop
from fixture.service import failure
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"


def state(service, channel=None):
    return service.call(ADMIN + "GetServiceState")


def storage(service):
    return service.call(ADMIN + "GetStorageCost", timeout=60)


def test_any_worker_answers_for_all(launch, db):
    service = launch(db, workers=2, ingest_queue_mib=8)
    for _ in range(20):
        channel = service.channel()
        service.publish([shop.page_view()], channel)
        channel.close()
    for _ in range(10):
        service.close_channels()
        s = state(service)
        assert (s.workers, s.max_workers, s.worker_restarts) == (2, 2, 0), s
        assert s.breaker == "closed"
        assert s.dedup_entries == 20 and s.max_dedup_entries == 200000
        assert s.ingest.entries == 0 and s.ingest.max_bytes == 2 * 8 << 20
        assert s.queries.entries == 0 and s.queries.max_entries > 0
        assert s.pool.idle + s.pool.in_use >= 4 and s.pool.idle + s.pool.in_use <= s.pool.max
        assert s.version and s.HasField("uptime_seconds")


def test_what_is_under_way_shows(db, service):
    """A batch that waits for a lock is in flight, on a connection in use."""
    with db.connect(autocommit=False) as c, c.cursor() as cursor:
        cursor.execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        sender = threading.Thread(target=lambda: service.publish([shop.page_view()] * 3))
        sender.start()
        held = wait_until(
            lambda: (s := state(service)).ingest.entries == 3 and s.pool.in_use and s,
            "three events in flight",
        )
        assert held.ingest.bytes > 0
        c.rollback()
    sender.join()
    wait_until(
        lambda: (s := state(service)).ingest.entries == 0 and not s.pool.in_use, "all is quiet"
    )


def test_it_answers_while_postgres_is_away(own_postgres, launch):
    db = own_postgres.database()
    service = launch(db, breaker_failures=2, breaker_open_ms=3600000)
    own_postgres.stop("immediate")
    wait_until(
        lambda: failure(lambda: storage(service)) and state(service).breaker == "open",
        "the breaker is open",
    )
    assert state(service).pool.idle == 0
    own_postgres.start()


def test_every_type_has_its_share_of_the_bytes(db, service):
    events = [shop.page_view(note="x" * 2000) for _ in range(30)] + [shop.product_view()] * 1
    service.publish(events)
    cost = storage(service)
    types = {t.event_type: t for t in cost.types}
    assert [(t.event_type, t.events) for t in cost.types] == [("page_view", 30), ("product_view", 1)]
    assert types["page_view"].bytes > 30 * types["product_view"].bytes > 0
    assert not cost.sampled and cost.total_events == 31
    in_use = db.value(
        "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('analytics_events') "
        "WHERE isleaf AND pg_relation_size(relid) > 0"
    )
    assert abs(cost.total_bytes - in_use) <= len(types), "rounding aside, nothing is left out"
    tables = {t.table: t.bytes for t in cost.tables}
    assert tables["analytics_events"] >= in_use and tables["processed_events"] > 0
    assert not [t for t in tables if t.startswith("analytics_events_")]


def test_a_large_month_is_sampled_and_says_so(db, service):
    db.execute(
        """INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id,
               event_source, schema_version, properties)
           SELECT now(), now(), gen_random_uuid(), CASE WHEN mod(n, 4) = 0 THEN 'purchase' ELSE 'page_view' END,
               n::text, 'shop', 'v1', jsonb_build_object('note', repeat(md5(n::text), 16))
           FROM generate_series(1, 60000) AS n"""
    )
    cost = storage(service)
    types = {t.event_type: t for t in cost.types}
    assert cost.sampled and types["page_view"].sampled
    assert abs(types["page_view"].events - 45000) < 6000
    assert abs(types["purchase"].events - 15000) < 3000
    assert abs(types["page_view"].bytes / types["purchase"].bytes - 3) < 0.6
