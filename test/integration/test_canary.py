"""A person in every field of every event type, as the published schemas name them, over every way
in, whole and broken; nothing of hers may rest, or be said, in clear anywhere."""
import json

import grpc

from fixture import events as shop
from fixture.dapr import bulk, topic_event
from fixture.schemas import event_of, published, required
from fixture.service import failure

MAIL, IP4, IP6 = "wren.canary@example.com", "198.51.100.78", "2001:db8:aaaa:bbbb:cccc::78"
AGENT, NAME, PHONE, STREET = "Wren/7.8 (Veiled)", "Wrenia Veiled", "+15550107878", "Nest Row 78"
TEXT = f"mail {MAIL} from {IP4} or [{IP6}] with {AGENT}"
CLEAR = [MAIL, "wren.canary", IP4, IP6, "bbbb:cccc", AGENT, "Veiled", "Wrenia", PHONE, "Nest Row"]
NAMES = ["customer_name", "first_name", "last_name", "full_name"]
PHONES = ["phone", "phone_number", "mobile"]
STREETS = ["street", "address", "address1", "address2", "shipping_address", "billing_address"]
PERSON = {
    **{k: NAME for k in NAMES},
    **{k: PHONE for k in PHONES},
    **{k: STREET for k in STREETS},
    "email": MAIL,
    "ip_address": IP4,
    "user_agent": AGENT,
}
DEEP = {"a": [{"b": {"c": [[{"d": PERSON, "note": TEXT, TEXT: 1}]]}}], **PERSON}


def canaries(topic, schema, version):
    """Of one type: she in each field alone, in all that are not asked for, and deep inside."""
    fields = set(schema["properties"]) - {"schema_version", "event_id", "timestamp"}
    context = schema["properties"].get("context", {}).get("properties", {})
    free = {f: TEXT for f in fields - set(required(schema, version)) - {"context"}}
    yield event_of(topic, schema, version, **PERSON)
    yield event_of(topic, schema, version, more=DEEP, free_text=TEXT, **{TEXT: TEXT})
    yield event_of(topic, schema, version, **{**free, **PERSON})
    for f in sorted(fields):
        yield event_of(topic, schema, version, **{f: TEXT})
        yield event_of(topic, schema, version, **{f: DEEP})
        yield event_of(topic, schema, version, **{f: [TEXT, PERSON]})
    for f in sorted(context):
        yield event_of(topic, schema, version, context={"session_id": "s", f: TEXT})
    if topic.startswith("customer."):
        yield event_of(topic, schema, version, name=NAME)
        yield event_of(topic, schema, version, **{"name": {"full": NAME}})


def broken(event):
    whole = json.dumps(event).encode()
    return [whole[:-2], whole + b"}", whole.replace(b'"', b"'"), b"\xff" + whole, whole[40:]]


def binary_mode(event):
    return {
        "ce-id": event["id"],
        "ce-source": "shop",
        "ce-type": event["type"],
        "ce-specversion": "1.0",
        "ce-subject": TEXT,
        "ce-person": TEXT,
        "User-Agent": AGENT,
        "X-Forwarded-For": IP4,
        "Cookie": MAIL,
    }


def attempts(call):
    try:
        return str(call())
    except grpc.RpcError as e:
        return f"{e.code()} {e.details()} {e.trailing_metadata()}"


def send_everywhere(s, event):
    """The same person again under an identity of its own for each way; what they answered."""

    def fresh():
        return {**event, "data": {**event["data"], "event_id": shop.page_view()["id"]}}

    yield str(s.publish([fresh()]))
    yield attempts(lambda: s.publish([shop.as_proto(fresh(), binary=True)]))
    yield str(topic_event(s, fresh()))
    yield str(bulk(s, [fresh()], "AppCallbackAlpha/OnBulkTopicEventAlpha1"))
    yield str(s.deliver(fresh(), "/events/dlq"))
    for kind in ("application/cloudevents+json", "application/cloudevents-batch+json"):
        body = [fresh()] if "batch" in kind else fresh()
        yield s.http("POST", "/events", body, kind).body.decode()
    yield s.http("POST", "/events", fresh()["data"], headers=binary_mode(event)).body.decode()


def test_she_is_nowhere(launch, db):
    service, answers, events = launch(db, log_level="debug"), [], []
    schemas = published(service)
    assert len({s[0] for s in schemas}) == 24
    for topic, schema, version in schemas:
        plain = event_of(topic, schema, version)
        answer = service.deliver(plain, "/events/orders")
        assert answer["result"] == "stored", (plain["data"], answer)
        mine = list(canaries(topic, schema, version))
        events += mine
        for event in mine[:3]:
            answers += send_everywhere(service, event)
        for body in broken(mine[1]):
            answers.append(str(service.deliver(body, "/events/orders")))
            answers.append(
                attempts(lambda b=body: service.publish([shop.as_proto({**plain, "data": b})]))
            )
    for at in range(0, len(events), 500):
        answers.append(json.dumps(service.deliver_bulk(events[at : at + 500], "/events/orders")))
    for path in (f"/events/{MAIL}", f"/{TEXT.replace(' ', '%20')}", f"/health/live?x={MAIL}"):
        answers.append(service.http("GET", path, headers={"User-Agent": AGENT}).body.decode())
    answers.append(failure(lambda: service.call("api.analytics.v1.AdminService/ListDeadLetters",
                                                page_token=TEXT)).details())
    assert db.value("SELECT count(*) FROM analytics_events") > len(schemas) * 10
    assert len(db.letters()) > len(schemas) * 10
    places = {
        "database": db.dump(),
        "metrics": service.http("GET", "/metrics").body.decode(),
        "log": service.stderr(),
        "answers": "\n".join(answers),
    }
    found = [
        (where, clear, line[max(0, line.find(clear) - 150) :][:400])
        for where, text in places.items()
        for clear in CLEAR
        if clear in text
        for line in text.splitlines()
        if clear in line
    ]
    assert found == [], found[:5]
    assert f"{IP4[:-2]}0" in places["database"], "the search would have found her"
