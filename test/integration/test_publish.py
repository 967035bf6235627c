"""An event is stored once, with the same row whatever the way it came in."""
import datetime as dt
import decimal
import json

import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import tally

PERSON = {
    "ip_address": "203.0.113.77",
    "user_agent": "Mozilla/5.0 (X11) Probe/1",
    "email": "jane.roe@example.com",
    "phone": "+15550107",
    "customer_name": "Jane Roe",
}
ITEMS = [
    {
        "product_id": "p-1",
        "sku": "SKU-1",
        "quantity": 2,
        "price": 3.5,
        "category": "shoes",
        "brand": "b",
    }
]


def full_purchase(**fields):
    return shop.purchase(
        order_id="o-full",
        customer_id="c-full",
        session_id="s-full",
        total_amount=12.34,
        currency="EUR",
        items=ITEMS,
        metadata={"cart_id": "cart-full"},
        previous_status="PENDING",
        legacy_id=9007199254740993,
        shipping_address={"street": "Elm Street 5", "country": "DE"},
        **PERSON,
        **fields
    )


def single(service, event):
    assert service.deliver(event) == {"status": "SUCCESS", "result": "stored"}


def bulk(service, event):
    assert service.deliver_bulk([event]) == [
        {"entryId": "0", "status": "SUCCESS", "result": "stored"}
    ]


def structured(service, event):
    a = service.http("POST", "/events", event, "application/cloudevents+json")
    assert a.status == 200, a
    assert (int(a.json["accepted"]), a.json["results"]) == (1, [])


def batch(service, event):
    a = service.http("POST", "/events", [event], "application/cloudevents-batch+json")
    assert a.status == 200, a
    assert (int(a.json["accepted"]), a.json["results"]) == (1, [])


def text_data(service, event):
    r = service.publish([event])
    assert (tally(r), list(r.results)) == ((1, 0, 0), [])


def binary_data(service, event):
    assert tally(service.publish([shop.as_proto(event, binary=True)])) == (1, 0, 0)


DOORS = [single, bulk, structured, batch, text_data, binary_data]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_stores_the_same_row(service, db, door):
    event = full_purchase()
    door(service, event)
    [row] = db.events()
    properties = row["properties"]
    assert {
        k: row[k]
        for k in (
            "event_id",
            "event_type",
            "event_source",
            "schema_version",
            "trace_id",
            "cart_id",
            "session_id",
            "customer_id",
            "order_id",
            "amount",
            "currency",
            "status",
            "ip_address",
            "is_out_of_order",
            "items",
        )
    } == {
        "event_id": shop.event_id(event),
        "event_type": "purchase",
        "event_source": "shop",
        "schema_version": "v1",
        "trace_id": shop.TRACE,
        "cart_id": "cart-full",
        "session_id": "s-full",
        "customer_id": "c-full",
        "order_id": "o-full",
        "amount": decimal.Decimal("12.34"),
        "currency": "EUR",
        "status": "CONFIRMED",
        "ip_address": "203.0.113.0",
        "is_out_of_order": False,
        "items": ITEMS,
    }
    assert shop.rfc3339(row["created_at"]) == event["data"]["timestamp"]
    assert (
        dt.timedelta(0) <= dt.datetime.now(shop.UTC) - row["received_at"] < dt.timedelta(minutes=5)
    )
    assert row["email"].endswith("@example.com") and "jane" not in row["email"]
    assert (
        row["user_agent"]
        and "Mozilla" not in row["user_agent"]
        and "Probe" not in row["user_agent"]
    )
    assert row["pii_key_id"]
    text = json.dumps(properties)
    assert not [p for p in [*PERSON.values(), "Elm Street", "Jane", "Roe"] if p in text]
    assert properties["customer_name"] == "J***"
    assert properties["shipping_address"]["country"] == "DE"
    assert db.value("SELECT properties->>'legacy_id' FROM analytics_events") == "9007199254740993"
    assert db.value("SELECT count(*) FROM processed_events") == 1
    assert service.metric("events_total", type="purchase", result="stored") == 1


def test_person_is_hashed_alike_in_every_event(service, db):
    service.publish([full_purchase(), {**full_purchase(), "type": "orders.order.status_changed"}])
    first, second = db.events()
    assert first["email"] == second["email"] and first["user_agent"] == second["user_agent"]


COMMON = {
    "order_id": "o-1",
    "new_status": "CONFIRMED",
    "timestamp": shop.rfc3339(shop.minutes_ago(30)),
}
CONTEXT = {
    "session_id": "s-1",
    "customer_id": "c-1",
    "ip_address": "2001:db8:1:2::9",
    "user_agent": "Probe/2",
    "device_type": "mobile",
    "traffic_source": "google",
    "campaign": "spring",
    "country": "DE",
    "referrer": "https://example.org/",
}


def money(v1):
    return {"amount": round(v1 * 100), "currency": "EUR"}


def test_both_schema_versions_end_in_the_same_row(service, db):
    amounts = {
        "total_amount": 10.05,
        "tax_amount": 1.6,
        "discount_amount": 0.5,
        "shipping_amount": 4.99,
    }
    v1 = shop.purchase(
        event_id="v1",
        schema_version="v1",
        **{**COMMON, **CONTEXT, **amounts, "currency": "EUR", "items": ITEMS}
    )
    v2 = shop.purchase(
        event_id="v2",
        schema_version="v2",
        context=CONTEXT,
        **{
            **COMMON,
            **{k: money(v) for k, v in amounts.items()},
            "items": [{**ITEMS[0], "price": money(3.5)}],
        }
    )
    for field in ("session_id", "customer_id", "currency"):
        del v2["data"][field]
    r = service.publish([v1, v2])
    assert tally(r) == (2, 0, 0), r
    one, two = db.events()
    assert (one["schema_version"], two["schema_version"]) == ("v1", "v2")
    assert one["ip_address"] == "2001:db8:1::"
    different = {"event_id", "event_key", "schema_version", "received_at"}
    assert {k: v for k, v in one.items() if k not in different} == {
        k: v for k, v in two.items() if k not in different
    }


@pytest.mark.parametrize("version", ["v1", "1", "1.0", 1, 1.0, None])
def test_spellings_of_v1(service, db, version):
    service.deliver(shop.page_view(schema_version=version))
    assert [r["schema_version"] for r in db.events()] == ["v1"]


@pytest.mark.parametrize("version", ["v2", "2", "2.0", 2, 2.0])
def test_spellings_of_v2(service, db, version):
    event = shop.page_view(schema_version=version, context={"session_id": "in-context"})
    del event["data"]["session_id"]
    service.deliver(event)
    assert [(r["schema_version"], r["session_id"]) for r in db.events()] == [("v2", "in-context")]


TYPES = [
    (shop.purchase(new_status="PENDING"), "order_created"),
    (shop.purchase(new_status="CREATED"), "order_created"),
    (shop.purchase(), "purchase"),
    (shop.purchase(new_status="PAID"), "purchase"),
    (shop.purchase(new_status="CANCELLED"), "order_cancelled"),
    (shop.purchase(new_status="SHIPPED"), "order_status_changed"),
    (shop.page_view(), "page_view"),
    (shop.product_view(), "product_view"),
    (shop.add_to_cart(), "add_to_cart"),
    (shop.checkout(), "checkout"),
    (shop.registration(), "customer_registered"),
]


def test_stored_types(service, db):
    r = service.publish([e for e, _ in TYPES])
    assert tally(r) == (len(TYPES), 0, 0), r
    stored = {row["event_id"]: row["event_type"] for row in db.events()}
    assert [stored[shop.event_id(e)] for e, _ in TYPES] == [t for _, t in TYPES]


def test_default_type_of_the_bus_is_resolved_by_topic(service, db):
    event = {**shop.page_view(), "type": "com.dapr.event.sent"}
    assert service.deliver(event, "/events/page-views")["result"] == "stored"
    assert [r["event_type"] for r in db.events()] == ["page_view"]


def test_any_known_type_is_accepted_on_any_route(service, db):
    assert service.deliver(shop.page_view(), "/events/inventory")["result"] == "stored"
    assert [r["event_type"] for r in db.events()] == ["page_view"]


def test_invalid_traceparent_is_ignored(service, db):
    for parent in ("00-00000000000000000000000000000000-0000000000000000-00", "nonsense"):
        assert service.deliver({**shop.page_view(), "traceparent": parent})["result"] == "stored"
    assert [r["trace_id"] for r in db.events()] == [None, None]


def test_event_time_falls_back_to_the_envelope_and_then_to_arrival(service, db):
    enveloped, bare = shop.page_view(), shop.page_view()
    del enveloped["data"]["timestamp"], bare["data"]["timestamp"], bare["time"]
    assert tally(service.publish([enveloped, bare])) == (2, 0, 0)
    rows = {r["event_id"]: r for r in db.events()}
    assert shop.rfc3339(rows[shop.event_id(enveloped)]["created_at"]) == enveloped["time"]
    row = rows[shop.event_id(bare)]
    assert abs(row["created_at"] - row["received_at"]) < dt.timedelta(seconds=5)


def test_months_get_their_partition_on_demand(service, db):
    events = [
        shop.page_view(timestamp=shop.rfc3339(shop.minutes_ago(60 * 24 * days)))
        for days in (0, 29, 58, 87)
    ]
    assert tally(service.publish(events)) == (4, 0, 0)
    assert len(db.events()) == 4


def test_a_batch_of_5000_and_no_more(service, db):
    events = [shop.as_proto(shop.page_view()) for _ in range(5001)]
    assert service.publish_fails(events).name == "INVALID_ARGUMENT"
    assert db.events() == []
    assert tally(service.publish(events[:5000])) == (5000, 0, 0)
    assert db.value("SELECT count(*) FROM analytics_events") == 5000


def test_empty_request_is_answered(service):
    assert tally(service.publish([])) == (0, 0, 0)


def test_mixed_answer_names_only_what_was_not_accepted(service):
    good, bad = shop.page_view(), shop.page_view(session_id="")
    service.publish([good])
    r = service.publish([shop.page_view(), good, shop.page_view(), bad])
    assert tally(r) == (2, 1, 1)
    assert [(x.index, x.event_id, x.status) for x in r.results] == [
        (1, shop.event_id(good), "duplicate"),
        (3, shop.event_id(bad), "rejected"),
    ]
    assert (r.results[1].error.code, r.results[1].error.field) == (
        "MISSING_FIELD",
        "data.session_id",
    )
    assert r.results[1].error.message


def test_answers_over_http_name_the_error(service):
    bad = shop.page_view(session_id="")
    answer = service.deliver(bad)
    assert (answer["status"], answer["result"]) == ("SUCCESS", "rejected")
    assert (answer["error"]["code"], answer["error"]["field"]) == (
        "MISSING_FIELD",
        "data.session_id",
    )
    single_answer = service.http("POST", "/events", bad, "application/cloudevents+json")
    assert single_answer.status == 400
    assert single_answer.json["results"][0]["error"]["code"] == "MISSING_FIELD"
    mixed = service.http(
        "POST", "/events", [shop.page_view(), bad], "application/cloudevents-batch+json"
    )
    assert mixed.status == 200
    assert (int(mixed.json["accepted"]), int(mixed.json["rejected"])) == (1, 1)
    [result] = mixed.json["results"]
    assert (result["index"], result["eventId"], result["status"], result["error"]["code"]) == (
        1,
        shop.event_id(bad),
        "rejected",
        "MISSING_FIELD",
    )


def test_request_is_an_event_batch_on_the_wire(service):
    batch_class = protos.message("io.cloudevents.v1.CloudEventBatch")
    send = protos.bytes_stub(
        service.grpc_channel, "api.analytics.v1.EventIngestService/PublishEvents"
    )
    body = batch_class(events=[shop.as_proto(shop.page_view())]).SerializeToString()
    assert tally(send(body, timeout=60)) == (1, 0, 0)
