"""A person who appears in events of every kind, good and bad, rests in clear nowhere."""
import json

import pytest

from fixture import events as shop

SECRETS = {
    "ip": "198.51.100.77",
    "ip6": "2001:db8:aaaa:bbbb:cccc::77",
    "agent": "Canary/7.7 (Secret)",
    "email": "canary.bird@example.com",
    "phone": "+15550107777",
    "name": "Canaria Secreta",
    "street": "Cage Lane 42",
}
PERSON = {
    "ip_address": SECRETS["ip"],
    "user_agent": SECRETS["agent"],
    "email": SECRETS["email"],
    "phone": SECRETS["phone"],
    "customer_name": SECRETS["name"],
    "first_name": "Canaria",
    "last_name": "Secreta",
    "mobile": SECRETS["phone"],
    "shipping_address": {
        "street": SECRETS["street"],
        "address1": SECRETS["street"],
        "postal_code": "12345",
        "country": "DE",
    },
    "billing_address": SECRETS["street"],
    "deep": [
        {
            "deeper": {
                "full_name": SECRETS["name"],
                "phone_number": SECRETS["phone"],
                "ip": SECRETS["ip6"],
            }
        }
    ],
    "note": f"write to {SECRETS['email']} or call from {SECRETS['ip']} with {SECRETS['agent']}, "
    f"v6 {SECRETS['ip6']}.",
}


def good_events():
    return [
        shop.purchase(**PERSON),
        shop.page_view(
            **PERSON, referrer=f"https://x.example/?m={SECRETS['email']}&ip={SECRETS['ip']}"
        ),
        shop.registration(**PERSON, name=SECRETS["name"]),
        shop.product_view(**PERSON),
        shop.add_to_cart(**PERSON),
        shop.checkout(**PERSON),
        shop.page_view(schema_version="v2", context={"session_id": "s", **PERSON}),
        shop.page_view(page_url=f"/reset?mail={SECRETS['email']}"),
    ]


def bad_events():
    conflict = shop.purchase(**PERSON)
    return [
        shop.purchase(**{**PERSON, "total_amount": -1}),
        shop.purchase(**PERSON, schema_version="v9"),
        {**shop.page_view(**PERSON), "type": "no.such.type"},
        shop.page_view(**PERSON, timestamp=SECRETS["email"]),
        shop.registration(
            **PERSON, name={"first": SECRETS["name"], "street": SECRETS["street"]}, customer_id=""
        ),
        shop.purchase(**{**PERSON, "currency": SECRETS["email"]}),
        shop.page_view(**{**PERSON, "email": {"x": [SECRETS["email"]]}}),
        shop.page_view(**{**PERSON, "ip_address": 7}),
        conflict,
        {**conflict, "data": {**conflict["data"], "total_amount": 3}},
    ]


def broken_bytes():
    whole = json.dumps(shop.purchase(**PERSON))
    return [
        whole.encode()[:-3],
        whole.replace('"deep"', '"note"').encode(),
        whole.encode() + b"\xff",
        b"[" + whole.encode(),
        whole.replace('"', "'").encode(),
        whole.replace(":", "=").encode()[:-1],
        json.dumps(json.dumps(shop.purchase(**PERSON))).encode(),
        f"{SECRETS['email']} {SECRETS['ip']}".encode(),
    ]


@pytest.fixture(params=["debug", "info"])
def chatty(request, launch, db):
    return launch(db, log_level=request.param)


def test_canary_is_nowhere(chatty, db):
    service, answers = chatty, []
    for event in good_events():
        answers.append(service.deliver(event))
        assert answers[-1]["result"] == "stored", (event, answers[-1])
    for event in bad_events():
        answers.append(service.deliver(event, "/events/orders"))
        answers += service.deliver_bulk([event], "/events/orders")
        answers.append(
            service.http("POST", "/events", event, "application/cloudevents+json").body.decode()
        )
        answers.append(str(service.publish([event])))
    for body in broken_bytes():
        answers.append(service.deliver(body, "/events/orders"))
        assert answers[-1]["result"] == "rejected", (body, answers[-1])
    for event in (shop.purchase(), shop.page_view()):
        for data in broken_bytes():
            answers.append(
                str(service.publish([shop.as_proto({**event, "data": data}, binary=True)]))
            )
    assert len(db.letters()) >= 15
    places = {
        "database": db.dump(),
        "metrics": service.http("GET", "/metrics").body.decode(),
        "stderr": service.stderr(),
        "answers": json.dumps(answers, ensure_ascii=False),
    }
    found = {
        (where, what)
        for where, text in places.items()
        for what, secret in SECRETS.items()
        if secret in text
    }
    found |= {
        (where, word)
        for where, text in places.items()
        for word in ("canary.bird", "Canaria", "Secreta", "Cage Lane")
        if word in text
    }
    lines = [
        line[max(0, line.index(SECRETS[what]) - 200) :][:400]
        for where, what in found
        if what in SECRETS
        for line in places[where].splitlines()
        if SECRETS[what] in line
    ]
    assert not found, (sorted(found), lines[:5])


def test_what_may_stay_stays(service, db):
    service.deliver(shop.purchase(**PERSON))
    service.deliver(shop.product_view(name="Trail Shoe"))
    purchase, view = sorted(db.events(), key=lambda r: r["event_type"], reverse=True)
    address = purchase["properties"]["shipping_address"]
    assert address["country"] == "DE" and set(address) == {"country", "postal_code"}
    assert address["postal_code"] and "12345".startswith(address["postal_code"])
    assert purchase["properties"]["customer_name"] == "C***"
    assert purchase["ip_address"] == "198.51.100.0"
    assert view["properties"]["name"] == "Trail Shoe", "a product's name is no person's"


def test_name_is_masked_by_whole_characters(service, db):
    service.deliver(shop.registration(name="Éloïse Dupont"))
    assert [r["properties"]["name"] for r in db.events()] == ["É***"]


@pytest.mark.parametrize(
    "sent, kept", [("203.0.113.9", "203.0.113.0"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::")]
)
def test_addresses_are_masked(service, db, sent, kept):
    service.deliver(shop.page_view(ip_address=sent))
    assert [r["ip_address"] for r in db.events()] == [kept]


def test_envelope_is_no_hiding_place(service, db):
    mail = SECRETS["email"]
    for name in (
        "type",
        "topic",
        "source",
        "id",
        "subject",
        "time",
        "traceparent",
        "datacontenttype",
    ):
        service.deliver({**shop.page_view(session_id=""), name: mail}, "/events/page-views")
        service.deliver({**shop.page_view(), name: mail}, "/events/page-views")
    for name in ("event_id", "session_id", "customer_id", "page_url", "schema_version", "currency"):
        service.deliver(shop.page_view(**{name: mail}))
    service.deliver(shop.page_view(**{mail: "the key itself"}))
    places = {"database": db.dump(), "metrics": service.http("GET", "/metrics").body.decode()}
    found = {
        (where, line[:300])
        for where in places
        for line in places[where].splitlines()
        if mail in line
    }
    assert not found
    assert mail not in service.stderr()
