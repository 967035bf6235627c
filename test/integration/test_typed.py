"""Events sent as messages of api.analytics.v1 in proto_data are stored as their JSON twins are."""
import json

import pytest
from google.protobuf import json_format

from fixture import events as shop
from fixture import protos
from fixture.service import PUBLISH, tally

PACKAGE = "api.analytics.v1."
CONTEXT = {
    "session_id": "s-1",
    "customer_id": "c-1",
    "ip_address": "203.0.113.77",
    "user_agent": "Probe/2 (typed)",
    "device_type": "mobile",
    "traffic_source": "google",
    "campaign": "spring",
    "country": "DE",
    "referrer": "https://example.org/",
}


def euros(cents):
    return {"amount": cents, "currency": "EUR"}


ITEMS = [
    {"product_id": "p-1", "quantity": 2, "price": euros(350), "category": "shoes", "sku": "SKU-1"},
    {"product_id": "p-2", "quantity": 1, "price": euros(0), "cost": euros(7), "seller_id": "m-1"},
]
REASON = {"code": "damaged"}
PAYMENT = {"payment_id": "pay-1", "order_id": "o-1", "amount": euros(1234), "payment_method": "card"}
CART = {"product_id": "p-1", "quantity": 3, "cart_id": "k-1", "price_amount": euros(99), "sku": "S"}
RETURN = {"return_id": "r-1", "order_id": "o-1", "reason": REASON, "items": ITEMS}
PRODUCT = {"product_id": "p-1", "sku": "S", "name": "Shoe", "brand": "b", "unit_cost": euros(42)}
PERSON = {"email": "jane.roe@example.com", "name": "Jane Roe", "phone": "+15550107"}
# topic: message, data of schema version 2
TOPICS = {
    "orders.order.status_changed": (
        "OrderStatusChanged",
        {
            "order_id": "o-1",
            "new_status": "PAID",
            "previous_status": "PENDING",
            "total_amount": euros(1699),
            "tax_amount": euros(160),
            "shipping_amount": euros(499),
            "discount_amount": euros(0),
            "currency": "EUR",
            "items": ITEMS,
            "cart_id": "k-1",
            "email": "jane.roe@example.com",
            "customer_name": "Jane Roe",
            "phone": "+15550107",
        },
    ),
    "payment.payment.processed": ("PaymentProcessed", PAYMENT),
    "payment.payment.failed": ("PaymentFailed", {**PAYMENT, "failure_reason": "no funds"}),
    "payment.payment.refunded": ("PaymentRefunded", {**PAYMENT, "reason": REASON}),
    "shipping.shipment.status_changed": (
        "ShipmentStatusChanged",
        {
            "shipment_id": "sh-1",
            "order_id": "o-1",
            "new_status": "IN_TRANSIT",
            "carrier_name": "Post",
            "promised_at": "2031-02-03T04:05:06+02:00",
        },
    ),
    "analytics.page_view": ("PageView", {"page_url": "/käse", "session_id": "s-1"}),
    "product.viewed": ("ProductViewed", {"product_id": "p-1", "category": "shoes"}),
    "cart.item_added": ("CartItemAdded", CART),
    "cart.item_removed": ("CartItemRemoved", CART),
    "checkout.started": ("CheckoutStarted", {"cart_id": "k-1", "total_amount": euros(9)}),
    "cart.converted": ("CartConverted", {"cart_id": "k-1", "order_id": "o-1"}),
    "customer.registered": (
        "CustomerRegistered",
        {"customer_id": "c-1", "registration_source": "web", **PERSON},
    ),
    "customer.logged_in": ("CustomerLoggedIn", {"customer_id": "c-1", **PERSON}),
    "orders.return.requested": ("ReturnRequested", RETURN),
    "orders.return.approved": ("ReturnApproved", RETURN),
    "orders.return.rejected": ("ReturnRejected", RETURN),
    "orders.return.completed": ("ReturnCompleted", {**RETURN, "refund_amount": euros(350)}),
    "fulfillments.fulfillment.status_changed": (
        "FulfillmentStatusChanged",
        {"fulfillment_id": "f-1", "order_id": "o-1", "new_status": "COMPLETED", "items": ITEMS},
    ),
    "fulfillments.fulfillment.sla_breach": (
        "FulfillmentSlaBreached",
        {"fulfillment_id": "f-1", "order_id": "o-1", "warehouse_id": "w-1"},
    ),
    "warehouse.inventory.stock_changed": (
        "InventoryStockChanged",
        {
            "sku": "S",
            "warehouse_id": "w-1",
            "quantity": 0,
            "minimum_stock": 5,
            "unit_cost": euros(42),
        },
    ),
    "catalog.product.created": ("CatalogProductCreated", PRODUCT),
    "catalog.product.updated": ("CatalogProductUpdated", {**PRODUCT, "price_amount": euros(99)}),
    "promotion.usage.recorded": (
        "PromotionUsed",
        {"promotion_code": "SPRING", "order_id": "o-1", "discount_amount": euros(100)},
    ),
    "marketing.spend.recorded": ("MarketingSpendRecorded", {"campaign": "x", "amount": euros(5)}),
}
EXTRA = {"legacy_id": "9007199254740993", "first_name": "Jane", "note": "ask jane.roe@example.com"}


def json_event(topic, event_id):
    data = {
        "event_id": event_id,
        "timestamp": shop.rfc3339(shop.minutes_ago(30)),
        "context": CONTEXT,
        **TOPICS[topic][1],
        **EXTRA,
        "schema_version": "v2",
    }
    return shop.cloud_event(topic, data)


def typed(event, name, url="type.googleapis.com/"):
    """The event with its data as a message."""
    data = {k: v for k, v in event["data"].items() if k not in (*EXTRA, "schema_version")}
    message = protos.message(PACKAGE + name)()
    json_format.ParseDict({**data, "properties": EXTRA}, message)
    return packed(event, name, message.SerializeToString(deterministic=True), url)


def packed(event, name, value, url="type.googleapis.com/"):
    e = shop.as_proto({**event, "data": "{}"})
    e.proto_data.type_url = url + PACKAGE + name
    e.proto_data.value = value
    return e


def comparable(row):
    return {k: v for k, v in row.items() if k not in ("event_id", "event_key", "received_at")}


def test_every_topic_as_message_and_as_json(service, db):
    sent = []
    for topic, (name, _) in TOPICS.items():
        event = json_event(topic, f"{topic} json")
        twin = {**event, "data": {**event["data"], "event_id": f"{topic} typed"}}
        sent += [event, typed(twin, name)]
    r = service.publish(sent)
    assert tally(r) == (len(sent), 0, 0), r
    rows = {row["event_id"]: row for row in db.events()}
    assert len(rows) == len(sent)
    for topic in TOPICS:
        row = rows[f"{topic} typed"]
        assert comparable(row) == comparable(rows[f"{topic} json"]), topic
        assert (row["schema_version"], row["session_id"]) == ("v2", "s-1")
        assert row["properties"]["legacy_id"] == EXTRA["legacy_id"]
    dump = db.dump()
    for clear in ("Jane", "Roe", "jane.roe", "203.0.113.77", "Probe/2", "5550107"):
        assert clear not in dump


def test_the_same_event_in_the_other_form_is_a_duplicate(service, db):
    events = {t: json_event(t, t) for t in TOPICS}
    messages = [typed(e, TOPICS[t][0], url="x/y/") for t, e in events.items()]
    n = len(TOPICS)
    assert tally(service.publish(messages)) == (n, 0, 0)
    assert tally(service.publish(list(events.values()))) == (0, n, 0)
    other = [{**e, "data": {**e["data"], "note": "other"}} for e in events.values()]
    r = service.publish(other)
    assert tally(r) == (0, 0, n) and {x.error.code for x in r.results} == {"ID_CONFLICT"}
    assert len(db.events()) == n


def test_messages_over_a_stream(service, db):
    path = "api.analytics.v1.EventIngestService/StreamEvents"
    event = json_event("analytics.page_view", "streamed")
    request = shop.publish_request([typed(event, "PageView")])
    [answer] = protos.stub(service.grpc_channel, path)(iter([request]), timeout=60)
    assert tally(answer) == (1, 0, 0)
    assert [x["event_id"] for x in db.events()] == ["streamed"]


PAGE = b"*\x01/2\x01s"
BAD = {
    "cut short": ("PageView", PAGE[:-1], "MALFORMED_JSON", "data"),
    "no UTF-8": ("PageView", b"*\x01\xff2\x01s", "MALFORMED_JSON", "data"),
    "of another wire type": ("PageView", b"(\x012\x01s", "MALFORMED_JSON", "data"),
    "nested 20,000 deep": ("PageView", b"\x1a\x7f" * 20_000, "MALFORMED_JSON", "data"),
    "empty": ("PageView", b"", "MISSING_FIELD", "data.page_url"),
    "of another topic": ("ProductViewed", b"*\x01p", "INVALID_FIELD", "data"),
    "of no topic": ("Money", b"", "INVALID_FIELD", "data"),
    "unknown": ("NoSuchThing", PAGE, "INVALID_FIELD", "data"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_message_is_rejected_alone(service, db, case):
    name, value, code, field = BAD[case]
    good, bad, other = (json_event("analytics.page_view", i) for i in ("good", "bad", "other"))
    batch = [typed(good, "PageView"), packed(bad, name, value), other]
    r = service.publish(batch)
    assert tally(r) == (2, 0, 1), r
    [result] = r.results
    assert (result.index, result.error.code, result.error.field) == (1, code, field), r
    [letter] = db.letters()
    assert (letter["error_code"], letter["error_field"]) == (code, field)
    assert tally(service.publish(batch)) == (0, 2, 1)
    assert [x["deliveries"] for x in db.letters()] == [2]


def test_broken_message_leaves_nobody_in_clear(service, db):
    event = json_event("customer.registered", "broken")
    whole = typed(event, "CustomerRegistered")
    cut = packed(event, "CustomerRegistered", whole.proto_data.value[:-1])
    no_event = whole.SerializeToString()[:-1]
    assert tally(service.publish([cut])) == (0, 0, 1)
    body = b"\x0a" + varint(len(no_event)) + no_event
    assert tally(protos.bytes_stub(service.grpc_channel, PUBLISH)(body, timeout=60)) == (0, 0, 1)
    assert len(db.letters()) == 2
    dump = db.dump() + service.stderr() + json.dumps(service.metrics())
    for clear in ("Jane", "Roe", "jane.roe", "203.0.113.77", "Probe/2", "5550107"):
        assert clear not in dump


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def test_unknown_type_is_kept_with_its_data_to_be_tried_again(service, db):
    event = {**json_event("analytics.page_view", "later"), "type": "no.such.type"}
    assert tally(service.publish([typed(event, "PageView")])) == (0, 0, 1)
    [letter] = db.letters()
    assert letter["error_code"] == "UNKNOWN_EVENT_TYPE"
    data = json.loads(letter["payload"])["data"]
    assert (data["schema_version"], data["context"]["session_id"]) == ("v2", "s-1")


@pytest.mark.parametrize("name", [*(m for m, _ in TOPICS.values()), "Money", "Item"])
def test_reflection_describes_the_messages(service, name):
    stub = protos.stub(
        service.grpc_channel, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    )
    request = protos.message("grpc.reflection.v1.ServerReflectionRequest")
    [answer] = stub(iter([request(file_containing_symbol=PACKAGE + name)]), timeout=60)
    files = answer.file_descriptor_response.file_descriptor_proto
    assert any(name.encode() in f for f in files), answer
