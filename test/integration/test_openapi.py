"""/openapi.json: a sound document, and the service does what it says."""
import re

import pytest

from fixture import events as shop
from fixture.wait import wait_until

PREFIX = "/api/v1/analytics/"


def schemas_in(node, path=""):
    """Every {"$ref": ...} below node."""
    if isinstance(node, dict):
        if "$ref" in node:
            assert list(node) == ["$ref"], f"nothing stands beside a reference: {path}"
            yield node["$ref"]
        for k, v in node.items():
            yield from schemas_in(v, f"{path}/{k}")
    elif isinstance(node, list):
        for i, v in enumerate(node):
            yield from schemas_in(v, f"{path}/{i}")


def resolve(doc, ref):
    assert ref.startswith("#/"), ref
    node = doc
    for key in ref[2:].split("/"):
        node = node[key]
    return node


def operations(doc):
    for path, item in doc["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def conforms(doc, schema, value, at="$"):
    """value is what the schema says, and holds nothing that it does not name."""
    if "$ref" in schema:
        schema = resolve(doc, schema["$ref"])
    kind = schema["type"]
    python = {"object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "boolean": bool}[kind]
    assert isinstance(value, python) and isinstance(value, bool) == (kind == "boolean"), (at, kind, value)
    if kind == "string" and "pattern" in schema:
        assert re.search(schema["pattern"], value), (at, value)
    if kind == "array":
        for i, v in enumerate(value):
            conforms(doc, schema["items"], v, f"{at}[{i}]")
    if kind == "object" and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value) <= set(schema["properties"]), (at, set(value))
        for k, v in value.items():
            conforms(doc, schema["properties"][k], v, f"{at}.{k}")


@pytest.fixture
def doc(service):
    a = service.http("GET", "/openapi.json")
    assert a.status == 200 and a.headers["content-type"] == "application/json"
    return a.json


def test_the_document_is_sound(doc):
    assert re.fullmatch(r"3\.0\.\d", doc["openapi"]) and doc["info"]["title"] and doc["info"]["version"]
    for ref in schemas_in(doc):
        resolve(doc, ref)
    ids = [operation["operationId"] for _, _, operation in operations(doc)]
    assert len(ids) == len(set(ids)) > 20
    for path, method, operation in operations(doc):
        assert method in ("get", "post") and "200" in operation["responses"], path
        assert operation["summary"] and set(operation["tags"]) <= {t["name"] for t in doc["tags"]}
        names = [p["name"] for p in operation.get("parameters", [])]
        assert len(names) == len(set(names))
        assert set(re.findall(r"{(\w+)}", path)) == {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        for p in operation.get("parameters", []):
            assert p["in"] in ("path", "query") and (p["in"] == "query" or p["required"])
            assert p["schema"]["type"] in ("string", "integer", "array"), p
    used = {r.rsplit("/", 1)[1] for r in schemas_in(doc)}
    assert set(doc["components"]["schemas"]) <= used, "a schema that nothing refers to"
    assert doc["components"]["schemas"]["OverviewMetrics"]["properties"]["totalOrders"]["type"] == "string"
    revenue = {p["name"]: p for p in doc["paths"][PREFIX + "revenue"]["get"]["parameters"]}
    assert revenue["categories"]["schema"]["type"] == "array" and revenue["categories"]["explode"] is True
    assert revenue["groupBy"]["description"].startswith("hour, day, week, month")
    stream = doc["paths"][PREFIX + "realtime/stream"]["get"]["responses"]["200"]
    assert list(stream["content"]) == ["text/event-stream"]


def test_every_path_answers_as_it_says(doc, service):
    items = [{"product_id": "p", "sku": "s", "quantity": 2, "price": 5.5, "category": "hats", "cost": 1}]
    sent = [shop.purchase(items=items), shop.page_view(device_type="mobile"), shop.product_view(), shop.registration()]
    assert all(x["result"] == "stored" for x in service.deliver_bulk(sent))
    overview = PREFIX + "dashboard/overview?dateRange=today"
    wait_until(lambda: service.http("GET", overview).json["metrics"]["totalOrders"] == "1", "the order is counted")
    asked = 0
    for path, method, operation in operations(doc):
        if path == "/events":
            assert service.http("POST", path, shop.page_view(), "application/cloudevents+json").status == 200
        elif path == "/events/{topic}":
            for topic in operation["parameters"][0]["schema"]["enum"]:
                assert service.deliver(shop.page_view(), "/events/" + topic)["status"] == "SUCCESS"
        elif not path.endswith("/stream"):
            a = service.http(method.upper(), path)
            content = operation["responses"]["200"]["content"]
            assert a.status == 200 and a.headers["content-type"].split(";")[0] in content, (path, a)
            if path.startswith(PREFIX):
                conforms(doc, content["application/json"]["schema"], a.json, path)
                asked += 1
                bad = service.http("GET", path + "?timeZone=Mars")
                assert bad.status == 400
                conforms(doc, doc["components"]["schemas"]["Error"], bad.json, path)
    assert asked >= 5
    assert service.http("GET", PREFIX + "nothing").status == 404
