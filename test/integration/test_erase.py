"""A customer is forgotten: in events, dead letters and projections, and does not come back."""
import datetime as dt
import hmac
import json

import pytest

from fixture import events as shop
from fixture.service import failure
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
ANALYTICS = "api.analytics.v1.AnalyticsService/"
PERSON = "customer-4711"
MAIL = "jane.doe@example.com"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Jane/1.0"
WHO = {"customer_id": PERSON, "email": MAIL, "ip_address": "198.51.100.77", "user_agent": AGENT,
       "customer_name": "Jane Doe", "note": "parks at gate 9", "device_type": "mobile"}


# Her address as it is stored, by the key of the fixture.
HASH = hmac.new(b"0123456789abcdef0123456789abcdef", MAIL.encode(), "sha256").hexdigest() + "@example.com"


def erase(service, mode="anonymize", **fields):
    return service.call(ADMIN + "EraseCustomer", mode=mode, **fields)


def projected(db):
    """Nothing waits for the projector."""
    wait_until(lambda: not db.rows("SELECT FROM projection_marks"), "all events are projected")


def rows_of(answer):
    return {t.table: t.rows for t in answer.tables}


def persons_events():
    """Her own, what she did before she logged in, and a session and cart that are hers."""
    return [
        shop.page_view(session_id="s-jane"),
        shop.page_view(session_id="s-jane", **WHO),
        shop.checkout(cart_id="cart-jane", session_id="s-jane", **WHO),
        shop.cloud_event("cart.converted", shop._base({"cart_id": "cart-jane", "order_id": "o-jane"})),
        shop.purchase(order_id="o-jane", session_id="s-jane", discount_amount=1.5, **WHO),
        shop.page_view(session_id="s-kiosk", **WHO),
    ]


def others_events():
    """A session that she shared, an id that hers is the beginning of, and an address."""
    return [
        shop.page_view(session_id="s-kiosk", customer_id="customer-1"),
        shop.page_view(session_id="s-kiosk"),
        shop.purchase(customer_id=PERSON + "1", session_id="s-4", email="jane.doe2@example.com"),
    ]


def letters():
    return [
        shop.page_view(**WHO, schema_version="v9"),
        {**shop.page_view(session_id="s-jane"), "type": "no.such.type"},
        shop.page_view(customer_id=PERSON + "1", schema_version="v9"),
    ]


def fill(service, db):
    for e in persons_events() + others_events():
        assert service.deliver(e)["result"] == "stored"
    for e in letters():
        assert service.deliver(e, "/events/orders")["result"] == "rejected"
    projected(db)


def traces(db):
    """Where the person still is."""
    text = db.dump()
    words = (f"'{PERSON}'", f'"{PERSON}"', "s-jane", "cart-jane", HASH, "gate 9", "J***")
    return [w for w in words if w in text]


FIGURES = """
    SELECT count(*) AS events, count(DISTINCT session_id) AS sessions, count(DISTINCT customer_id) AS customers,
           count(DISTINCT cart_id) AS carts, sum(amount) AS money, count(DISTINCT order_id) AS orders,
           sum((properties ->> 'discount_amount')::numeric) AS discount
    FROM analytics_events"""


def test_anonymized_rows_count_as_before(db, service):
    fill(service, db)
    assert len(traces(db)) == 7, "looking for her finds her"
    before = db.rows(FIGURES)
    untouched = db.rows("SELECT * FROM analytics_events WHERE customer_id IN ('customer-1', %s) ORDER BY event_id",
                        PERSON + "1")
    answer = erase(service, customer_id=PERSON)
    rows = rows_of(answer)
    assert (rows["analytics_events"], rows["dead_letter_queue"]) == (6, 2)
    assert answer.total_rows == sum(rows.values())
    assert db.rows(FIGURES) == before
    assert untouched == db.rows(
        "SELECT * FROM analytics_events WHERE customer_id IN ('customer-1', %s) ORDER BY event_id", PERSON + "1")
    gone = db.events(event_type="purchase", order_id="o-jane")[0]
    assert gone["customer_id"].startswith("erased-") and gone["session_id"].startswith("erased-")
    assert gone["properties"] == {"discount_amount": 1.5, "device_type": "mobile"}
    assert [gone[c] for c in ("ip_address", "user_agent", "email", "pii_key_id", "trace_id")] == [None] * 5
    assert len({r["session_id"] for r in db.events() if r["order_id"] == "o-jane" and r["session_id"]}) == 1
    assert len(db.events(session_id="s-kiosk")) == 3, "what others have as well is not hers"
    kept = [(x["status"], bool(x["payload"])) for x in db.letters()]
    assert kept == [("discarded", False), ("discarded", False), ("pending", True)]
    assert erase(service, customer_id=PERSON).total_rows == 0
    finish(db)
    assert not traces(db)


def finish(db):
    """The second round, now."""
    db.execute("UPDATE erasures SET rest_until = now(), due_at = now() WHERE finished_at IS NULL")
    wait_until(lambda: not db.rows("SELECT FROM erasures WHERE finished_at IS NULL"), "all rounds are over")
    assert not db.rows("SELECT FROM erasure_ids")
    assert not db.rows("SELECT FROM erasures WHERE secret IS NOT NULL")


def test_deleted_rows_are_gone(db, service):
    fill(service, db)
    dry = erase(service, "delete", email=MAIL, dry_run=True)
    assert (rows_of(dry)["analytics_events"], rows_of(dry)["dead_letter_queue"]) == (6, 2) and dry.dry_run
    assert len(db.events()) == 9 and not db.rows("SELECT FROM erased_identities")
    answer = erase(service, "delete", email=MAIL.upper())
    assert rows_of(answer) == rows_of(dry)
    assert len(db.events()) == 3 and len(db.letters()) == 1
    finish(db)
    assert not traces(db)
    assert service.deliver(shop.again(shop.page_view(customer_id="customer-1")))["result"] == "stored"


def test_events_that_come_again_do_not_bring_the_person_back(db, launch):
    service, replica = launch(db), launch(db)
    stored, late = persons_events(), [
        shop.page_view(session_id="s-late", **WHO),
        shop.purchase(order_id="o-late", session_id="s-late", **{**WHO, "customer_id": None}),
        shop.registration(**WHO, name="Jane Doe"),
    ]
    for e in stored:
        service.deliver(e)
    projected(db)
    erase(service, "delete", customer_id=PERSON)
    wait_until_known(db, replica)
    for s in (service, replica):
        assert [s.deliver(shop.again(e))["result"] for e in stored] == ["duplicate"] * len(stored)
    assert [replica.deliver(e)["result"] for e in late] == ["stored"] * 3
    assert replica.deliver(shop.page_view(**WHO, schema_version="v9"))["result"] == "rejected"
    assert replica.metric("events_suppressed_total") > 4
    db.execute("DELETE FROM erasure_ids")  # no second round helps
    assert not traces(db) and "s-late" not in db.dump()
    assert db.events(order_id="o-late")[0]["amount"] == 12.5, "its money counts"
    back = shop.rfc3339(dt.datetime.now(shop.UTC) + dt.timedelta(seconds=200))
    for when in (shop.rfc3339(dt.datetime.now(shop.UTC) + dt.timedelta(seconds=1)), back):
        assert replica.deliver(shop.page_view(**WHO, timestamp=when))["result"] == "stored"
    assert len(db.events(customer_id=PERSON)) == 2, "who comes back is a new person"
    finish(db)
    assert len(db.events(customer_id=PERSON)) == 2


def test_a_new_key_does_not_bring_the_person_back(db, launch):
    """Rows of the old key are found by address, and events of people erased before are known."""
    before, new = launch(db), "k2:fedcba9876543210fedcba9876543210"
    before.deliver(shop.page_view(**{**WHO, "customer_id": None}))
    before.deliver(shop.page_view(customer_id="customer-1"))
    projected(db)
    erase(before, "delete", customer_id="customer-1")
    finish(db)
    before.stop()
    service = launch(db, pii_hmac_key=new, pii_hmac_old_keys="k1:0123456789abcdef0123456789abcdef")
    assert rows_of(erase(service, "delete", email=MAIL)) == {"analytics_events": 1, "sessions": 1}
    finish(db)
    wait_until_known(db, service, email=MAIL)
    service.deliver(shop.page_view(customer_id="customer-1", session_id="s-1"))
    service.deliver(shop.page_view(email=MAIL, session_id="s-2"))
    assert [(r["customer_id"], r["session_id"], r["email"]) for r in db.events()] == [(None, None, None)] * 2


def wait_until_known(db, replica, **who):
    """Her old events lose her there; bad ones, as these leave nothing but letters."""
    before = replica.metric("events_suppressed_total")

    def known():
        replica.deliver(shop.page_view(**(who or {"customer_id": PERSON}), schema_version="v8"))
        return replica.metric("events_suppressed_total") > before

    wait_until(known, "the replica has heard of it")
    db.execute("DELETE FROM dead_letter_queue WHERE payload LIKE %s", "%v8%")


def test_what_is_not_projected_waits(db, launch):
    """Its mark names the row's place: moved, it would be lost to the projections."""
    service = launch(db, projector=0)
    for e in persons_events():
        service.deliver(e)
    db.execute("UPDATE projection_marks SET set_aside = true WHERE mod(id, 2) = 0")
    call = service.call
    assert failure(lambda: call(ADMIN + "EraseCustomer", timeout=2, mode="anonymize", customer_id=PERSON))
    assert len(db.events(customer_id=PERSON)) == 4
    service.kill()
    launch(db, projector=0)
    db.execute("DELETE FROM projection_marks WHERE NOT set_aside")
    db.execute("UPDATE erasures SET due_at = now()")
    wait_until(lambda: db.rows("SELECT FROM erasures WHERE round = 2"), "another one went on")
    assert not db.events(customer_id=PERSON)
    found = db.value(
        "SELECT count(*) FROM projection_marks AS m, unnest(row_ids) AS r JOIN analytics_events AS e ON e.ctid = r "
        "WHERE e.tableoid = m.part")
    assert found == db.value("SELECT sum(cardinality(row_ids)) FROM projection_marks") > 0


def figures(service):
    """What the dashboard shows."""
    answers = [
        service.call(ANALYTICS + "GetDashboardOverview", date_range="7d"),
        service.call(ANALYTICS + "GetConversionFunnel", date_range="7d", segment_by="device"),
    ]
    for a in answers:
        a.ClearField("data_as_of")
    return answers


@pytest.mark.parametrize("mode", ["anonymize", "delete"])
def test_projections_follow_and_figures_stay(db, service, mode):
    fill(service, db)
    service.deliver(shop.registration(**WHO))
    service.deliver(shop.registration())
    projected(db)
    before, counts = figures(service), db.rows(PERSONS)
    answer = rows_of(erase(service, mode, customer_id=PERSON))
    assert {t: answer.get(t) for t in ("orders", "customers", "customer_days", "registrations")} == {
        "orders": 1, "customers": 1, "customer_days": 1, "registrations": 1}
    assert answer["sessions"] >= 1
    assert figures(service) == before and db.rows(PERSONS) == counts
    stand_ins = db.rows("SELECT DISTINCT customer_id FROM customers WHERE customer_id LIKE 'erased-%%' "
                        "UNION SELECT customer_id FROM orders WHERE order_id = 'o-jane' "
                        "UNION SELECT customer_id FROM registrations WHERE customer_id LIKE 'erased-%%' AND %s", True)
    assert len(stand_ins) == 1, "one stand-in everywhere"
    wait_until_known(db, service)
    late = shop.purchase(order_id="o-late", **WHO)
    service.deliver(late)
    projected(db)
    finish(db)
    assert not traces(db)
    assert db.value("SELECT count(*) FROM orders WHERE order_id = 'o-late' AND customer_id IS NULL") == 1


PERSONS = """
    SELECT (SELECT count(DISTINCT customer_id) FROM orders) AS buyers, (SELECT count(*) FROM sessions) AS sessions,
           (SELECT count(*) FROM customers) AS customers, (SELECT count(*) FROM customer_days) AS days,
           (SELECT count(DISTINCT customer_id) FROM registrations) AS registered, (SELECT sum(amount) FROM orders) AS money"""


def test_every_column_of_ids_is_known(db):
    """A table that holds persons' ids under another name would be left out."""
    others = db.rows("""
        SELECT DISTINCT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type IN ('text', 'ARRAY', 'jsonb')
          AND column_name SIMILAR TO '%%(customer|session|cart|user|visitor|buyer)%%'
          AND column_name NOT IN ('customer_id', 'session_id', 'cart_id', 'customer_name', 'user_agent', %s)
          AND table_name IN (SELECT relname FROM pg_class WHERE relkind IN ('r', 'p'))""", "")
    assert not others


@pytest.mark.parametrize("fields, wrong", [
    ({}, "customerId"), ({"customer_id": "x" * 201}, "customerId"), ({"email": "jane"}, "email"),
    ({"customer_id": "c", "mode": "forget"}, "mode"),
])
def test_what_is_asked_wrongly_is_refused(db, service, fields, wrong):
    e = failure(lambda: erase(service, **{"mode": "delete", **fields}))
    assert e.code().name == "INVALID_ARGUMENT" and wrong in str(e.trailing_metadata())
    assert not db.rows("SELECT FROM erasures"), json.dumps(fields)
