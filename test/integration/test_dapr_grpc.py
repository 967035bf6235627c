"""What a Dapr sidecar calls over gRPC, and what it asks for before."""
from fixture import events as shop
from fixture import protos
from fixture.dapr import RETRY, SUCCESS, V1, bulk, topic_event

EMPTY = protos.message("google.protobuf.Empty")


def rows(db):
    sql = "SELECT event_id, event_type, trace_id FROM analytics_events ORDER BY 1"
    return [tuple(r.values()) for r in db.rows(sql)]


def test_a_topic_event_is_the_event_it_stands_for(service, db):
    event = shop.page_view()
    assert topic_event(service, event) == SUCCESS
    assert rows(db) == [(event["data"]["event_id"], "page_view", shop.TRACE)]
    assert service.deliver(event)["result"] == "duplicate"


def test_the_bus_s_own_type_is_resolved_by_topic_also_from_a_dead_letter_topic(service, db):
    plain, dead = shop.page_view(), shop.purchase()
    assert topic_event(service, {**plain, "type": "com.dapr.event.sent"}) == SUCCESS
    sent = {**dead, "type": "com.dapr.event.sent"}
    del sent["topic"]
    assert topic_event(service, sent, topic="dlq.analytics." + dead["topic"]) == SUCCESS
    assert sorted(r[1] for r in rows(db)) == ["page_view", "purchase"]


def test_poison_is_acknowledged_and_kept_once(service, db):
    event = shop.page_view()
    for _ in range(2):
        assert topic_event(service, event, data=b'{"page_url":') == SUCCESS
    assert topic_event(service, event, data=b'{}, "time": "2020-01-01T00:00:00Z"') == SUCCESS
    assert topic_event(service, {**event, "data": {}}) == SUCCESS
    letters = db.rows("SELECT error_code, deliveries FROM dead_letter_queue ORDER BY id")
    assert [tuple(r.values()) for r in letters] == [("MALFORMED_JSON", 2), ("MALFORMED_JSON", 1), ("MISSING_FIELD", 1)]
    assert rows(db) == []


def test_bulk_has_an_answer_each(service, db):
    for method in ("AppCallback/OnBulkTopicEvent", "AppCallbackAlpha/OnBulkTopicEventAlpha1"):
        events = [shop.page_view() for _ in range(30)]
        events[7] = shop.page_view(session_id=None)
        assert bulk(service, events, method) == [(f"e{i}", SUCCESS) for i in range(30)]
    assert len(rows(db)) == 58


def test_without_the_database_the_bus_keeps_the_event(own_postgres, launch):
    database = own_postgres.database()
    service = launch(database)
    own_postgres.stop()
    assert topic_event(service, shop.page_view()) == RETRY
    assert {s for _, s in bulk(service, [shop.page_view()] * 3, "AppCallback/OnBulkTopicEvent")} == {RETRY}
    own_postgres.start()
    service.wait_for("ready")
    assert topic_event(service, shop.page_view()) == SUCCESS
    assert database.value("SELECT count(*) FROM dead_letter_queue") == 0


def test_both_protocols_subscribe_to_every_topic_and_its_dead_letters(service):
    http = service.http("GET", "/dapr/subscribe").json
    out = protos.stub(service.grpc_channel, V1 + "AppCallback/ListTopicSubscriptions")(
        EMPTY(), timeout=10
    )
    over_grpc = {(s.topic, s.routes.default, s.dead_letter_topic) for s in out.subscriptions}
    assert over_grpc == {(s["topic"], s["route"], s.get("deadLetterTopic", "")) for s in http}
    assert len(over_grpc) == 48
    assert ("cart.converted", "/events/cart", "dlq.analytics.cart.converted") in over_grpc
    assert ("dlq.analytics.cart.converted", "/events/dlq", "") in over_grpc
    assert all(s["pubsubname"] == "pubsub-redis" and s["bulkSubscribe"]["enabled"] for s in http)


def test_the_sidecar_s_health_check_follows_readiness(service):
    protos.stub(service.grpc_channel, V1 + "AppCallbackHealthCheck/HealthCheck")(
        EMPTY(), timeout=10
    )
