"""The registry of schemas: what is built in is published, what is registered narrows it everywhere."""
import json
import re

import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import failure
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
VIEW, ORDER, CART = "analytics.page_view", "orders.order.status_changed", "cart.item_added"


def register(service, topic, version, schema):
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return service.call(ADMIN + "RegisterSchema", topic=topic, version=version, json_schema=text)


def listed(service, **fields):
    return service.call(ADMIN + "ListSchemas", **fields).schemas


def violations(error):
    """[(field, description)] of a call's BadRequest."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = protos.message("google.rpc.Status").FromString(details)
    return [
        (v.field, v.description)
        for d in status.details
        if d.type_url.endswith("google.rpc.BadRequest")
        for v in protos.message("google.rpc.BadRequest").FromString(d.value).field_violations
    ]


def until_rejected(service, make, code, field):
    """Delivers new events until one is rejected as it has to be."""
    seen = []

    def there():
        seen.append(service.deliver(make()))
        return seen[-1].get("error", {}).get("code") == code

    wait_until(there, f"{code} after a registration")
    assert seen[-1]["error"]["field"] == field
    return seen


def test_built_in_schemas_are_published(service):
    schemas = {(s.topic, s.version): s for s in listed(service)}
    assert len(schemas) == 2 * 24
    for (topic, version), s in schemas.items():
        assert s.built_in and s.active and not s.registered_at
        doc = json.loads(s.json_schema)
        assert doc["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert doc["title"] == topic and doc["type"] == "object"
        assert f'"{version}"' in json.dumps(doc["properties"]["schema_version"])
    view, order = (json.loads(schemas[t, "v1"].json_schema) for t in (VIEW, ORDER))
    assert view["required"] == ["page_url", "session_id"]
    assert view["properties"]["session_id"] == {"type": ["string", "integer"], "maxLength": 200}
    assert order["required"] == ["order_id"]
    assert {"anyOf": [{"required": ["new_status"]}, {"required": ["status"]}]} in order["allOf"]
    assert schemas[VIEW, "v1"].event_type == "page_view"
    assert not schemas[ORDER, "v1"].event_type
    second = json.loads(schemas[ORDER, "v2"].json_schema)
    assert second["properties"]["total_amount"] == {"$ref": "#/$defs/money"}
    assert "session_id" in second["properties"]["context"]["properties"]
    assert {s.topic for s in listed(service, topic=VIEW)} == {VIEW}


TYPES = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
}


def fits(value, schema, root):
    """The part of JSON Schema that the built-in schemas use; an unknown keyword is a KeyError."""

    def is_type(names):
        names = [names] if isinstance(names, str) else names
        return not isinstance(value, bool) and any(isinstance(value, TYPES[n]) for n in names)

    def members(rules, match):
        found = [(value[k], rule) for p, rule in rules.items() for k in value if match(p, k)]
        return all(fits(v, rule, root) for v, rule in found)

    obj, text = isinstance(value, dict), isinstance(value, str)
    number = isinstance(value, (int, float))
    checks = {
        "$ref": lambda a: fits(value, root["$defs"][a.rsplit("/", 1)[1]], root),
        "type": is_type,
        "enum": lambda a: value in a,
        "required": lambda a: not obj or set(a) <= set(value),
        "properties": lambda a: not obj or members(a, lambda p, k: p == k),
        "patternProperties": lambda a: not obj or members(a, re.search),
        "items": lambda a: all(fits(v, a, root) for v in value),
        "maxItems": lambda a: not isinstance(value, list) or len(value) <= a,
        "maxLength": lambda a: not text or len(value) <= a,
        "pattern": lambda a: not text or re.search(a, value),
        "minimum": lambda a: not number or value >= a,
        "maximum": lambda a: not number or value <= a,
        "anyOf": lambda a: any(fits(value, s, root) for s in a),
        "allOf": lambda a: all(fits(value, s, root) for s in a),
        "if": lambda a: not fits(value, a, root) or fits(value, schema["then"], root),
    }
    silent = {"$schema", "title", "description", "format", "$defs", "then"}
    return all(checks[k](a) for k, a in schema.items() if k not in silent)


def test_built_in_schemas_tell_good_events_from_bad_ones(service):
    """What the service stores fits the published schema, what it rejects does not."""
    docs = {(s.topic, s.version): json.loads(s.json_schema) for s in listed(service)}
    money = {"amount": 100, "currency": "USD"}
    cases = [
        shop.purchase(items=[{"product_id": "p", "quantity": 1, "price": 2.5}]), shop.page_view(),
        shop.product_view(), shop.add_to_cart(price_amount=1.5), shop.checkout(),
        shop.registration(), shop.page_view(page_url=""), shop.page_view(country=5),
        shop.page_view(currency="usd"), shop.add_to_cart(quantity=0), shop.purchase(total_amount=-1),
        shop.purchase(total_amount="5"), shop.page_view(customer_id="x" * 201),
        shop.page_view(gift_amount="5"), shop.purchase(items=[{"product_id": "p", "price": 1}]),
        shop.purchase(items=[{"product_id": "p", "quantity": 0, "price": 1}]),
        shop.purchase(schema_version="v2", total_amount=money),
        shop.purchase(schema_version="v2", total_amount=5),
        shop.page_view(schema_version="v2", context={"country": 5}),
        shop.cloud_event(VIEW, {"schema_version": "v2", "page_url": "/",
                                "context": {"session_id": "s"}}),
        shop.cloud_event(VIEW, {"schema_version": 2, "page_url": "/"}),
        shop.cloud_event(ORDER, {"order_id": "o", "status": "PAID"}),
        shop.cloud_event(ORDER, {"order_id": "o", "status": "SHIPPED"}),
        shop.cloud_event(ORDER, {"order_id": "o"}),
        shop.cloud_event("checkout.started", {"metadata": {"cart_id": "c"}}),
    ]
    outcomes = set()
    for event in cases:
        data = {k: v for k, v in event["data"].items() if v != ""}  # empty is absent
        doc = docs[event["type"], "v2" if "2" in str(data.get("schema_version")) else "v1"]
        result = service.deliver(event)["result"]
        assert (result == "stored") == fits(data, doc, doc), (result, data)
        outcomes.add(result)
    assert outcomes == {"stored", "rejected"}


def test_a_version_may_repeat_what_is_built_in(service):
    for s in listed(service):
        assert register(service, s.topic, s.version, s.json_schema).registered_at


def test_required(db, service):
    event = shop.page_view
    assert service.deliver(event())["result"] == "stored"
    register(service, VIEW, "v1", {"required": ["customer_id", "page_url"]})
    until_rejected(service, event, "MISSING_FIELD", "data.customer_id")
    assert service.deliver(shop.page_view(customer_id="c"))["result"] == "stored"
    assert service.deliver(shop.page_view(customer_id="c", schema_version="v2"))["result"] == "stored"
    assert service.deliver(shop.page_view(schema_version="v2"))["result"] == "stored", "another one"
    assert service.deliver(shop.product_view())["result"] == "stored", "another topic"
    register(service, VIEW, "v1", {})
    wait_until(lambda: service.deliver(event())["result"] == "stored", "the narrowing is lifted")
    assert [(s.version, s.built_in, s.active) for s in listed(service, topic=VIEW)] == [
        ("v1", True, True), ("v2", True, True), ("v1", False, False), ("v1", False, True)]


@pytest.mark.parametrize(
    "schema, good, bad, field",
    [
        ({"device_type": {"type": "string", "enum": ["mobile", "web"]}},
         [{"device_type": "web"}, {}], {"device_type": "tv"}, "data.device_type"),
        ({"currency": {"enum": ["USD", "EUR"]}},
         [{"currency": "EUR"}, {}], {"currency": "JPY"}, "data.currency"),
        ({"campaign": {"maxLength": 3}},
         [{"campaign": "\u00e9\u00e9\u00e9"}], {"campaign": "abcd"}, "data.campaign"),
        ({"customer_id": {"type": "string"}},
         [{"customer_id": "5"}], {"customer_id": 5}, "data.customer_id"),
        ({"amount": {"maximum": 10.5}},
         [{"amount": 10.5}, {"amount": 10, "currency": "JPY"}], {"amount": 10.51}, "data.amount"),
        ({"amount": {"maximum": 10.5}}, [], {"amount": 11, "currency": "JPY"}, "data.amount"),
        ({"minimum_stock": {"maximum": 7}}, [{"minimum_stock": 7}], {"minimum_stock": 8},
         "data.minimum_stock"),
        ({"reason": {"required": ["code"], "properties": {"code": {"enum": ["a"]}}}},
         [{"reason": {"code": "a"}}], {"reason": {"code": "b"}}, "data.reason.code"),
    ],
)
def test_values(service, schema, good, bad, field):
    register(service, VIEW, "v1", {"properties": schema})
    until_rejected(service, lambda: shop.page_view(**bad), "INVALID_FIELD", field)
    for fields in good:
        assert service.deliver(shop.page_view(**fields))["result"] == "stored", fields


def test_the_second_version_in_its_own_shape(service):
    """Where a field stands is the event's choice: both places are narrowed."""
    register(service, VIEW, "v2", {"properties": {"context": {
        "required": ["country"], "properties": {"country": {"enum": ["DE", "FR"]}}}}})
    view = lambda **f: shop.page_view(schema_version="v2", **f)  # noqa: E731
    until_rejected(service, view, "MISSING_FIELD", "data.context.country")
    bad = service.deliver(view(context={"country": "US"}))
    assert bad["error"]["field"] == "data.context.country"
    assert service.deliver(view(country="US"))["error"]["field"] == "data.country"
    for good in ({"context": {"country": "DE"}}, {"country": "FR"}):
        assert service.deliver(view(**good))["result"] == "stored"


def order(version, **fields):
    return shop.purchase(
        schema_version=version,
        total_amount={"amount": 1250, "currency": "EUR"},
        currency="EUR",
        **fields,
    )


def test_a_new_version_and_the_letters_that_waited_for_it(db, launch):
    service = launch(db, workers=2, pii_hmac_key="0123456789abcdef0123456789abcdef")
    waiting = [order(v, email="jane@example.com") for v in ("v3", "3", 3, "3.0")]
    other = order("v4")
    narrow = order("v3", device_type="tv")
    for e in [*waiting, other, narrow]:
        answer = service.deliver(e)
        assert answer["error"]["code"] == "UNSUPPORTED_SCHEMA_VERSION", answer
    answer = register(service, ORDER, "v3", {"properties": {"device_type": {"enum": ["web"]}}})
    assert answer.redriven == 5
    wait_until(lambda: len(db.letters(status="resolved")) == 4, "those that waited are stored")
    wait_until(lambda: len(db.letters(error_code="INVALID_FIELD")) == 1, "one is narrowed away")
    assert [r["error_field"] for r in db.letters(error_code="INVALID_FIELD")] == ["data.device_type"]
    assert [r["retries"] for r in db.letters(error_code="UNSUPPORTED_SCHEMA_VERSION",
                                             status="pending")] == [0]
    rows = db.events()
    assert {r["schema_version"] for r in rows} == {"v3"} and len(rows) == 4
    assert {(r["event_type"], float(r["amount"]), r["currency"]) for r in rows} == {
        ("purchase", 12.5, "EUR")}
    assert {r["event_id"] for r in rows} == {shop.event_id(e) for e in waiting}
    wait_until(
        lambda: all(service.deliver(e)["result"] == "duplicate" for e in waiting * 5),
        "both workers know it, and the originals again are duplicates",
    )
    assert service.deliver(order("v3"))["result"] == "stored"
    assert service.deliver(shop.page_view(schema_version="v3"))["result"] == "rejected", "its topic"


def test_every_worker_of_every_replica_learns_it(db, launch):
    replicas = [launch(db, workers=2) for _ in range(2)]

    def all_know_it(make):
        for service in replicas:
            # Each HTTP connection may meet another worker: many in a row that agree are all of
            # them. They look by themselves, too, but not that often.
            wait_until(
                lambda s=service: all(
                    s.deliver(make()).get("result") == "rejected" for _ in range(20)
                ),
                "all workers know it",
                15,
            )

    register(replicas[0], VIEW, "v1", {"required": ["customer_id"]})
    all_know_it(shop.page_view)
    db.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid();
           INSERT INTO event_schemas (topic, version, schema)
           VALUES ('product.viewed', 'v1', '{"required": ["customer_id"]}')"""
    )
    all_know_it(shop.product_view)
    late = launch(db)
    assert late.deliver(shop.page_view())["result"] == "rejected", "from its first event"


@pytest.mark.parametrize(
    "topic, version, schema, wanted",
    [
        ("no.such", "v1", {}, ["topic"]),
        (VIEW, "", {}, ["version"]),
        (VIEW, "v0", {}, ["version"]),
        (VIEW, "3", {}, ["version"]),
        (VIEW, "latest", {}, ["version"]),
        (VIEW, "v1", "", ["jsonSchema"]),
        (VIEW, "v1", "[]", ["jsonSchema"]),
        (VIEW, "v1", '{"required":', ["jsonSchema"]),
        (VIEW, "v1", {"required": ["color"]}, ["jsonSchema.required"]),
        (VIEW, "v1", {"required": "page_url"}, ["jsonSchema.required"]),
        (VIEW, "v1", {"type": "array"}, ["jsonSchema.type"]),
        (VIEW, "v1", {"properties": {"color": {"type": "string"}}}, ["jsonSchema.properties.color"]),
        (VIEW, "v1", {"properties": {"country": {"type": "integer"}}},
         ["jsonSchema.properties.country.type"]),
        (VIEW, "v1", {"properties": {"country": {"maxLength": 1001}}},
         ["jsonSchema.properties.country.maxLength"]),
        (VIEW, "v1", {"properties": {"country": {"enum": ["DE", 5]}}},
         ["jsonSchema.properties.country.enum"]),
        (VIEW, "v1", {"properties": {"country": {"enum": []}}},
         ["jsonSchema.properties.country.enum"]),
        (VIEW, "v1", {"properties": {"country": {"pattern": "^D"}}},
         ["jsonSchema.properties.country.pattern"]),
        (VIEW, "v1", {"properties": {"email": {"enum": ["a@b.example"]}}},
         ["jsonSchema.properties.email.enum"]),
        (VIEW, "v1", {"properties": {"currency": {"enum": ["XXL"]}}},
         ["jsonSchema.properties.currency.enum"]),
        (VIEW, "v1", {"additionalProperties": False}, ["jsonSchema.additionalProperties"]),
        (CART, "v1", {"properties": {"quantity": {"maximum": 2e9}}},
         ["jsonSchema.properties.quantity.maximum"]),
        (CART, "v1", {"properties": {"quantity": {"maximum": 0}}},
         ["jsonSchema.properties.quantity.maximum"]),
        (CART, "v2", {"properties": {"price_amount": {"maximum": 5}}},
         ["jsonSchema.properties.price_amount.maximum"]),
        (VIEW, "v1", {"properties": {"context": {"required": ["country"]}}},
         ["jsonSchema.properties.context"]),
        (VIEW, "v1", {"required": ["a"], "properties": {"b": {}, "country": {"maxLength": 0}}},
         ["jsonSchema.required", "jsonSchema.properties.b",
          "jsonSchema.properties.country.maxLength"]),
    ],
)
def test_what_contradicts_is_refused_with_its_place(db, service, topic, version, schema, wanted):
    e = failure(lambda: register(service, topic, version, schema))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT
    found = violations(e)
    assert [f for f, _ in found] == wanted and all(d for _, d in found)
    assert db.value("SELECT count(*) FROM event_schemas") == 0
