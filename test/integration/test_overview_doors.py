"""The dashboard overview answers from published events, the same by both doors, and names mistakes
in the question."""
import json
import urllib.parse

import grpc
import pytest
from google.protobuf import json_format

from fixture import events as shop
from fixture import protos
from fixture.service import failure
from fixture.wait import wait_until

RPC = "api.analytics.v1.AnalyticsService/GetDashboardOverview"
PATH = "/api/v1/analytics/dashboard/overview"
FIELDS = {
    "dateRange": "date_range",
    "startDate": "start_date",
    "endDate": "end_date",
    "timeZone": "time_zone",
}
FRESH_S = 5  # an event acked is in every answer within
S1 = {"session_id": "s1", "customer_id": "c1"}


def at(minutes_ago):
    return {"timestamp": shop.rfc3339(shop.minutes_ago(minutes_ago))}


def item(category, price, quantity=1):
    return {"product_id": category, "quantity": quantity, "price": price, "category": category}


def shop_day():
    """One session through the whole funnel, one that only looks, a sale in a currency without a
    rate, and a second purchase event of an order, which counts once."""
    items, gold = [item("shoes", 10, 2), item("hats", 5)], [item("gold", 7)]
    s3 = {"session_id": "s3", "customer_id": "c3"}
    return [
        shop.page_view(**S1, **at(20)),
        shop.product_view(**S1, **at(19)),
        shop.add_to_cart(**S1, **at(18)),
        shop.checkout(**S1, **at(17)),
        shop.purchase(total_amount=30.1, order_id="o1", items=items, **S1, **at(10)),
        shop.purchase(total_amount=99, order_id="o1", new_status="PAID", **S1, **at(5)),
        shop.page_view(session_id="s2", customer_id="c2"),
        shop.purchase(total_amount=7, currency="CHF", order_id="o3", items=gold, **s3),
        shop.registration(customer_id="c4"),
    ]


def over_grpc(service, question):
    return service.call(RPC, **{FIELDS[k]: v for k, v in question.items()})


def over_http(service, question):
    return service.http("GET", PATH + "?" + urllib.parse.urlencode(question))


def both(service, **question):
    """The answer over HTTP, after a look that gRPC gives the same."""
    one, answer = json_format.MessageToDict(over_grpc(service, question)), over_http(
        service, question
    )
    assert answer.status == 200, answer
    other = answer.json
    assert one.pop("dataAsOf") and other.pop("dataAsOf")
    for name in ("revenueTrend", "salesByCategory"):  # MessageToDict leaves empty lists out
        one.setdefault(name, [])
    assert other == one
    return other


def test_figures(service):
    question = {"startDate": at(60)["timestamp"], "endDate": at(-1)["timestamp"]}
    service.publish(shop_day())

    def everything():
        metrics = over_http(service, question).json["metrics"]
        return metrics["totalOrders"] == "2" and metrics["activeCustomers"] == "4"

    wait_until(everything, "everything is in the answer", FRESH_S)
    answer = both(service, **question)
    assert answer["metrics"] == {
        "totalRevenue": 30.1,
        "totalOrders": "2",
        "activeCustomers": "4",
        "conversionRate": pytest.approx(200 / 3),
        "averageOrderValue": 30.1,
    }
    assert [(s["stage"], s["users"], s["rate"]) for s in answer["conversionFunnel"]["stages"]] == [
        ("page_view", "2", 100),
        ("product_view", "1", 50),
        ("add_to_cart", "1", 50),
        ("checkout", "1", 50),
        ("purchase", "1", 50),
    ]
    by_category = {c["category"]: c for c in answer["salesByCategory"] if c["revenue"]}
    assert {k: (c["revenue"], c["orders"], c["percentage"]) for k, c in by_category.items()} == {
        "shoes": (20, "1", 80),
        "hats": (5, "1", 20),
    }
    assert sum(p["revenue"] for p in answer["revenueTrend"]) == 30.1


def test_no_data(service):
    answer = both(service, dateRange="7d")
    assert answer["metrics"]["totalOrders"] == "0" and answer["metrics"]["totalRevenue"] == 0
    assert not {"revenueGrowth", "averageOrderValue", "conversionRate"} & set(answer["metrics"])
    assert answer["salesByCategory"] == [] and len(answer["revenueTrend"]) == 7


MISTAKES = [
    ({"dateRange": "8 days"}, ["dateRange"]),
    ({"timeZone": "Mars/Olympus"}, ["timeZone"]),
    ({"startDate": "soon", "endDate": "2026-01-01"}, ["startDate"]),
    ({"startDate": "2026-02-02T00:00:00Z", "endDate": "2026-01-01T00:00:00Z"}, None),
    ({"dateRange": "7d", "startDate": "2026-01-01", "endDate": "2026-01-02"}, None),
]


@pytest.mark.parametrize("question, fields", MISTAKES)
def test_mistakes_are_named(service, question, fields):
    e = failure(lambda: over_grpc(service, question))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT
    trailer = dict(e.trailing_metadata())["grpc-status-details-bin"]
    status = protos.message("google.rpc.Status").FromString(trailer)
    details = {d.type_url.rsplit(".", 1)[1]: d.value for d in status.details}
    assert sorted(details) == ["BadRequest", "ErrorInfo"] and status.code == 3
    bad = protos.message("google.rpc.BadRequest").FromString(details["BadRequest"])
    assert bad.field_violations and all(v.field and v.description for v in bad.field_violations)
    if fields:
        assert [v.field for v in bad.field_violations] == fields
    assert protos.message("google.rpc.ErrorInfo").FromString(details["ErrorInfo"]).reason
    a = over_http(service, question)
    assert a.status == 400
    text = json.dumps(a.json)
    assert [n for n in ("google.rpc.BadRequest", "google.rpc.ErrorInfo") if n not in text] == []
    assert all(v.field in text for v in bad.field_violations)


def test_unknown_argument_over_http(service):
    assert over_http(service, {"dateRagne": "7d"}).status == 400
