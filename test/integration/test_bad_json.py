"""Bad input over HTTP gets its named error and one dead letter however often it comes; the service
keeps serving."""
import contextlib
import http.client
import json
import os
import socket

import pytest

from fixture import events as shop

MIB = 1 << 20


def event(**changes):
    """A page view; a change to None removes the field of data, ce_<name> sets or removes one of the
    envelope."""
    e = shop.page_view()
    for k, v in changes.items():
        target, name = (e, k[3:]) if k.startswith("ce_") else (e["data"], k)
        if v is None:
            target.pop(name)
        else:
            target[name] = v
    return e


def order(**changes):
    e = shop.purchase()
    for k, v in changes.items():
        if v is None:
            e["data"].pop(k)
        else:
            e["data"][k] = v
    return e


def spliced(text, good=None):
    """A page view as text with `text` in the place of its page_url."""
    return json.dumps(good or event(page_url="HERE")).replace('"HERE"', text).encode()


def ahead(minutes):
    return shop.rfc3339(shop.minutes_ago(-minutes))


NESTED = "[" * 100_000 + "]" * 100_000
CASES = {
    "no JSON": (b"certainly not", "MALFORMED_JSON", None),
    "empty body": (b"", "MALFORMED_JSON", None),
    "truncated": (json.dumps(event()).encode()[:-20], "MALFORMED_JSON", None),
    "trailing bytes": (json.dumps(event()).encode() + b"{}", "MALFORMED_JSON", None),
    "an array": (b"[1,2]", "MALFORMED_JSON", None),
    "a number": (b"7", "MALFORMED_JSON", None),
    "invalid UTF-8": (spliced("XX").replace(b"XX", b'"\xff\xfe"'), "MALFORMED_JSON", None),
    "overlong UTF-8": (spliced("XX").replace(b"XX", b'"\xc0\xaf"'), "MALFORMED_JSON", None),
    "raw NUL": (spliced("XX").replace(b"XX", b'"a\x00b"'), "MALFORMED_JSON", None),
    "escaped NUL": (spliced('"a\\u0000b"'), "MALFORMED_JSON", None),
    "lone surrogate": (spliced('"\\ud800"'), "MALFORMED_JSON", None),
    "duplicate keys": (spliced('"/", "page_url": "/again"'), "MALFORMED_JSON", None),
    "65 deep": (spliced("[" * 65 + "]" * 65), "MALFORMED_JSON", None),
    "100,000 deep": (spliced(NESTED), "MALFORMED_JSON", None),
    "100,000 deep, never closed": (b'{"a":' * 100_000, "MALFORMED_JSON", None),
    "leading zero": (spliced("01"), "MALFORMED_JSON", None),
    "infinity": (spliced("Infinity"), "MALFORMED_JSON", None),
    "no id": (event(ce_id=None, event_id=None), "MISSING_FIELD", "id"),
    "empty source": (event(ce_source=""), "MISSING_FIELD", "source"),
    "no data": (event(ce_data=None), "MISSING_FIELD", "data"),
    "unknown type": (event(ce_type="no.such.event"), "UNKNOWN_EVENT_TYPE", None),
    "unknown version": (event(schema_version="v9"), "UNSUPPORTED_SCHEMA_VERSION", None),
    "unknown version number": (event(schema_version=3), "UNSUPPORTED_SCHEMA_VERSION", None),
    "unknown version of a wrong type": (
        event(schema_version=["v1"]),
        "UNSUPPORTED_SCHEMA_VERSION",
        None,
    ),
    "no session": (event(session_id=None), "MISSING_FIELD", "data.session_id"),
    "empty page": (event(page_url=""), "MISSING_FIELD", "data.page_url"),
    "purchase without amount": (order(total_amount=None), "MISSING_FIELD", "data.total_amount"),
    "order without status": (order(new_status=None), "MISSING_FIELD", "data.new_status"),
    "session is an object": (event(session_id={"a": 1}), "INVALID_FIELD", "data.session_id"),
    "money as text": (order(total_amount="12.50"), "INVALID_FIELD", "data.total_amount"),
    "negative money": (order(total_amount=-1), "INVALID_FIELD", "data.total_amount"),
    "money without end": (
        spliced("1e400", order(total_amount="HERE")),
        "INVALID_FIELD",
        "data.total_amount",
    ),
    "v1 with money of v2": (
        order(total_amount={"amount": 1, "currency": "USD"}),
        "INVALID_FIELD",
        "data.total_amount",
    ),
    "v2 with money of v1": (order(schema_version="v2"), "INVALID_FIELD", "data.total_amount"),
    "v2 with broken minor units": (
        order(schema_version="v2", total_amount={"amount": 1.5, "currency": "USD"}),
        "INVALID_FIELD",
        None,
    ),
    "no currency": (order(currency="usd!"), "INVALID_FIELD", "data.currency"),
    "negative price": (
        order(
            items=[
                {"product_id": "p", "quantity": 1, "price": 1},
                {"product_id": "p", "quantity": 1, "price": -1},
            ]
        ),
        "INVALID_FIELD",
        "data.items[1].price",
    ),
    "items are text": (order(items="two"), "INVALID_FIELD", "data.items"),
    "long id": (event(session_id="s" * 201), "INVALID_FIELD", "data.session_id"),
    "long event id": (event(event_id="e" * 201), "INVALID_FIELD", "data.event_id"),
    "unparsable time": (event(timestamp="yesterday-ish"), "INVALID_FIELD", "data.timestamp"),
    "time is a number": (event(timestamp=17), "INVALID_FIELD", "data.timestamp"),
    "31st of February": (
        event(timestamp="2026-02-31T00:00:00Z"),
        "INVALID_FIELD",
        "data.timestamp",
    ),
    "too many properties": (event(extra="x" * 40_000), "INVALID_FIELD", None),
    "future": (event(timestamp=ahead(10)), "TIMESTAMP_IN_FUTURE", None),
    "past": (
        event(timestamp=shop.rfc3339(shop.minutes_ago(60 * 24 * 200))),
        "TIMESTAMP_TOO_OLD",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_named_error_and_one_dead_letter(service, db, case):
    body, code, field = CASES[case]
    for deliveries in (1, 2, 3):
        answer = service.deliver(body, "/events/page-views")
        assert (answer["status"], answer["result"], answer["error"]["code"]) == (
            "SUCCESS",
            "rejected",
            code,
        )
        assert answer["error"]["message"]
        if field is not None:
            assert answer["error"].get("field", "") == field
        [letter] = db.letters()
        assert (letter["error_code"], letter["deliveries"], letter["error_field"]) == (
            code,
            deliveries,
            answer["error"].get("field", ""),
        )
    a = service.http("POST", "/events", body, "application/cloudevents+json")
    assert (a.status, a.json["error"]["code"]) == (400, code)
    assert a.json["error"] == a.json["results"][0]["error"]
    assert len(db.letters()) == 1, "the same letter by another route"
    assert service.deliver(shop.page_view())["result"] == "stored"
    assert len(db.events()) == 1
    assert service.metric("validation_rejections_total", code=code) == 4


@pytest.mark.parametrize(
    "case", ["no JSON", "invalid UTF-8", "100,000 deep", "raw NUL", "no session", "unknown version"]
)
def test_in_a_bulk_its_neighbours_are_stored(service, db, case):
    body, code, _ = CASES[case]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if case == "no JSON":
        raw = b'"certainly not an event"'
    results = service.deliver_bulk([shop.page_view(), raw, shop.page_view()], "/events/page-views")
    assert [r["result"] for r in results] == ["stored", "rejected", "stored"]
    assert results[1]["error"]["code"] == code
    assert len(db.events()) == 2 and len(db.letters()) == 1


def test_exact_numbers(service, db):
    body = spliced(
        '"/", "big": 18446744073709551615, "bigger": 123456789012345678901234567890, '
        '"far": 1e400, "near": 0.1'
    )
    assert service.deliver(body, "/events/page-views")["result"] == "stored"
    assert db.value("SELECT properties->>'big' FROM analytics_events") == "18446744073709551615"
    assert (
        db.value("SELECT properties->>'bigger' FROM analytics_events")
        == "123456789012345678901234567890"
    )
    assert db.value("SELECT (properties->>'far')::numeric = 1e400::numeric FROM analytics_events")
    assert db.value("SELECT properties->>'near' FROM analytics_events") == "0.1"


def test_64_deep_is_deep_enough(service):
    # The event and its data are two levels, the arrays in it the other 62.
    assert (
        service.deliver(spliced('"/", "deep": ' + "[" * 62 + "]" * 62), "/events/page-views")[
            "result"
        ]
        == "stored"
    )


def test_money_is_rounded_half_up(service, db):
    service.deliver(order(total_amount=10.005, currency="USD"))
    service.deliver(order(total_amount=10.5, currency="JPY"))
    assert [
        float(r["amount"])
        for r in db.rows("SELECT amount FROM analytics_events ORDER BY currency DESC")
    ] == [10.01, 11]


def refusal(service, path, content_type, body, **how):
    """The status of a body that is too large; a server may answer before it has read it all."""
    c = http.client.HTTPConnection("127.0.0.1", service.http_port, timeout=60)
    try:
        with contextlib.suppress(OSError):
            c.request("POST", path, body, {"content-type": content_type}, **how)
        return c.getresponse().status
    except (OSError, http.client.HTTPException):
        return 413  # closed on us while we were still sending: refused all the same
    finally:
        c.close()


@pytest.mark.parametrize("path", ["/events/orders", "/events"])
def test_2_mib_is_413(service, db, path):
    for body in (b"x" * (2 * MIB), json.dumps(event(extra="x" * 2 * MIB)).encode()):
        assert refusal(service, path, "application/cloudevents+json", body) == 413
    assert refusal(service, path, "application/cloudevents+json", b"x" * (MIB + 1)) == 413
    assert db.events() == []
    assert service.deliver(shop.page_view())["result"] == "stored"


@pytest.mark.parametrize(
    "content_type, size",
    [("application/cloudevents+json", MIB + 1), ("application/json", 17 * MIB)],
)
def test_whoever_writes_first_and_listens_then_hears_of_413(service, content_type, size):
    for _ in range(20):
        a = service.http("POST", "/events/orders", b"x" * size, content_type)
        assert (a.status, a.json["error"]["code"]) == (413, 413)


def test_who_asks_first_is_told_at_once(service):
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=30) as s:
        s.sendall(b"POST /events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  b"Content-Length: %d\r\n\r\n" % (2 * MIB))
        assert s.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_chunked_body_has_the_same_ceiling(service):
    chunks = iter([b"x" * 65536] * 32)
    how = {"encode_chunked": True}
    assert refusal(service, "/events", "application/cloudevents+json", chunks, **how) == 413
    assert service.deliver(shop.page_view())["result"] == "stored"


def test_too_large_in_a_bulk_is_rejected_alone(service, db):
    results = service.deliver_bulk([shop.page_view(), event(extra="x" * MIB), shop.page_view()])
    assert [r["result"] for r in results] == ["stored", "rejected", "stored"]
    assert results[1]["error"]["code"] == "TOO_LARGE"
    assert [x["error_code"] for x in db.letters()] == ["TOO_LARGE"]


def test_17_mib_bulk_is_413(service):
    body = b'{"entries":[' + b" " * (17 * MIB) + b"]}"
    assert refusal(service, "/events/page-views", "application/json", body) == 413
    assert service.deliver(shop.page_view())["result"] == "stored"


@pytest.mark.parametrize(
    "body",
    [
        b'{"entries":',
        b'{"entries":7}',
        b'{"entries":[{"entryId":"0"}]}',
        b'{"entries":[7]}',
        b'{"entries":[]}',
    ],
)
def test_broken_bulk_is_answered(service, body):
    a = service.http("POST", "/events/page-views", body)
    assert a.status == 200, a
    assert a.json.get("status") == "SUCCESS" or all(
        s["status"] == "SUCCESS" for s in a.json["statuses"]
    )
    assert service.deliver(shop.page_view())["result"] == "stored"


def test_random_bytes_on_every_route(service, db):
    for i in range(100):
        junk = os.urandom(i * 7)
        assert service.deliver(junk, "/events/page-views")["result"] == "rejected"
        assert service.http("POST", "/events", junk, "application/cloudevents+json").status == 400
    assert db.value("SELECT count(*) FROM dead_letter_queue") == 100
    assert service.deliver(shop.page_view())["result"] == "stored"


def test_unknown_paths_and_methods(service):
    assert service.http("GET", "/no/such/path").status == 404
    assert service.http("DELETE", "/events").status in (404, 405)
    assert service.http("GET", "/api/v1/analytics/nope").status == 404
