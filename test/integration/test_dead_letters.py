"""Dead letters: listed, retried, discarded, and retried by themselves where they can heal.

A letter that heals is made by the retention horizon: what one service finds too old, another one on
the same database takes."""
import datetime as dt
import threading

import grpc
import pytest

from fixture import events as shop
from fixture.service import failure
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
PERSON = {
    "email": "canary@example.com",
    "ip_address": "198.51.100.77",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Canary/1.0",
    "customer_name": "Jane Canary",
    "phone": "+49 30 1234567",
    "shipping_address": {"street": "Cage Lane 1", "country": "DE", "postal_code": "12345"},
}


def old(event, days=120):
    t = dt.datetime.now(shop.UTC) - dt.timedelta(days=days)
    event["data"]["timestamp"] = event["time"] = shop.rfc3339(t)
    return event


def retry(service, **fields):
    return service.call(ADMIN + "RetryDeadLetters", **fields)


def retry_due(service):
    assert service.call(ADMIN + "RunJob", name="dead_letter_retry").run.state == "succeeded"


def letters(service, **fields):
    return service.call(ADMIN + "ListDeadLetters", **fields).dead_letters


@pytest.fixture
def patient(db, launch):
    """A service that takes what the other one finds too old."""
    return launch(db, retention_days=365)


def reject(service, event):
    answer = service.deliver(event, "/events/orders")
    assert answer["result"] == "rejected", answer
    return answer["error"]["code"]


EVENTS = {
    "plain": lambda: shop.purchase(coupon={"code": "X", "value": 1.50}, items=[
        {"product_id": "p1", "quantity": 2, "price": 3.25, "note": "a"}]),
    "person": lambda: shop.purchase(**PERSON),
    "person of a customer": lambda: shop.registration(name="Jane Canary", **PERSON),
    "address in content": lambda: shop.page_view(page_url="/p?mail=jane@example.com&ip=10.1.2.3"),
    "address in identifiers": lambda: {
        **shop.page_view(session_id="s-10.1.2.3", customer_id="jane@example.com"),
        "source": "shop/10.9.8.7",
    },
    "address in the identity": lambda: shop.page_view(event_id="e-10.1.2.3"),
    "second version": lambda: shop.purchase(
        schema_version="v2",
        total_amount={"amount": 1250, "currency": "USD"},
        context={"ip_address": "198.51.100.77", "session_id": "s-1", "extra": [1, 2.0]},
    ),
    "odd numbers": lambda: shop.page_view(a=1e30, b=-0.0, c=[10, 10.0, "10"]),
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_retried_letter_is_the_event_itself(db, service, patient, name):
    """The original, coming once more, is a duplicate of the retried one."""
    event = old(EVENTS[name]())
    assert reject(service, event) == "TIMESTAMP_TOO_OLD"
    [letter] = letters(patient)
    answer = retry(patient, ids=[letter.id])
    assert (answer.retried, answer.stored, answer.rejected_again) == (1, 1, 0), answer
    assert [(r.id, r.outcome) for r in answer.results] == [(letter.id, "stored")]
    [row] = db.letters()
    assert (row["status"], row["retries"], row["claimed_by"]) == ("resolved", 1, None)
    assert patient.deliver(event)["result"] == "duplicate"
    assert len(db.events()) == 1


def test_a_redelivery_to_another_worker_is_a_duplicate(db, service, patient, launch):
    events = [old(make()) for make in EVENTS.values()]
    for e in events:
        reject(service, e)
    assert retry(patient, status="pending").stored == len(events)
    third = launch(db, retention_days=365)
    for e in events:
        assert third.deliver(e)["result"] == "duplicate", e
        assert third.deliver(shop.again(e))["result"] == "duplicate", e
    assert len(db.events()) == len(events)
    assert {r["deliveries"] for r in db.letters()} == {1}


@pytest.mark.parametrize("name", EVENTS)
def test_the_row_of_a_retried_letter_is_the_row_of_the_event(postgres, db, launch, patient, name):
    event = old(EVENTS[name]())
    strict = launch(db)
    reject(strict, event)
    assert retry(patient, status="pending").stored == 1
    twin = postgres.database()
    try:
        direct = launch(twin, retention_days=365)
        assert direct.deliver(event)["result"] == "stored"
        apart = ("received_at", "digest")
        rows = [[{k: r[k] for k in r if k not in apart} for r in d.events()] for d in (db, twin)]
        assert rows[0] == rows[1] and len(rows[0]) == 1
        direct.stop()
    finally:
        postgres.drop(twin)


def test_other_content_of_a_retried_letter_is_a_conflict(db, service, patient):
    event = old(shop.page_view())
    reject(service, event)
    assert retry(patient, status="pending").stored == 1
    changed = {**event, "data": {**event["data"], "page_url": "/another"}}
    answer = patient.deliver(changed)
    assert (answer["result"], answer["error"]["code"]) == ("rejected", "ID_CONFLICT")
    [row] = db.letters()
    assert (row["status"], row["error_code"], row["deliveries"]) == ("pending", "ID_CONFLICT", 2)


def test_rejected_again(db, service):
    event = shop.page_view(session_id="")
    reject(service, event)
    for n in (1, 2):
        answer = retry(service, error_code="MISSING_FIELD")
        assert (answer.retried, answer.rejected_again, answer.stored) == (1, 1, 0)
        [r] = answer.results
        assert (r.outcome, r.error.code, r.error.field) == (
            "rejected", "MISSING_FIELD", "data.session_id")
        [row] = db.letters()
        assert (row["status"], row["retries"], row["deliveries"]) == ("pending", n, 1)
        assert row["next_retry_at"] is None, "time does not heal a missing field"
    assert not db.events()


@pytest.mark.parametrize(
    "event, field",
    [
        (lambda: shop.page_view(email=5), "data.email"),
        (lambda: shop.page_view(ip_address=["198.51.100.77"]), "data.ip_address"),
        (lambda: shop.page_view(customer_name={"first": "Jane"}), "data.customer_name"),
        (lambda: shop.page_view(phone={"home": "123"}), "data.phone"),
        (lambda: {**shop.page_view(), "time": True, "data": {"page_url": "/", "session_id": "s"}},
         "time"),
        (lambda: {**shop.page_view(), "specversion": "0.3"}, "specversion"),
        (lambda: shop.page_view(currency="ZZZ"), "data.currency"),
    ],
)
def test_what_was_wrong_stays_wrong(db, service, event, field):
    """Taking the personal data out must not make a bad event good."""
    answer = service.deliver(event())
    assert (answer["error"]["code"], answer["error"]["field"]) == ("INVALID_FIELD", field)
    [r] = retry(service, status="pending").results
    assert (r.outcome, r.error.code, r.error.field) == ("rejected", "INVALID_FIELD", field)
    assert not db.events()


def test_an_event_without_a_time_keeps_its_arrival(db, service):
    event = shop.page_view(session_id="")
    del event["time"], event["data"]["timestamp"]
    reject(service, event)
    past = dt.datetime.now(shop.UTC) - dt.timedelta(days=3)
    db.execute("UPDATE dead_letter_queue SET first_seen = %s, payload = replace(payload, "
               "'\"session_id\":\"\"', '\"session_id\":\"s\"')", past)
    assert retry(service, status="pending").stored == 1
    assert db.events()[0]["created_at"] == past


def test_unreadable_bytes_cannot_be_retried(db, service):
    assert service.deliver(b'{"id":"x","source":"s","type":', "/events/orders")["result"] == "rejected"
    answer = retry(service, status="pending")
    assert (answer.retried, answer.rejected_again) == (0, 0)
    assert [(r.outcome, r.error.code) for r in answer.results] == [
        ("not_retryable", "NOT_RETRYABLE")]
    [row] = db.letters()
    assert (row["status"], row["retries"], row["claimed_by"]) == ("pending", 0, None)


def test_dry_run_changes_nothing(db, service, patient):
    good, conflict = old(shop.page_view()), old(shop.page_view())
    bad = shop.page_view(session_id="")
    for e in (good, conflict, bad):
        reject(service, e)
    other = {**conflict, "data": {**conflict["data"], "page_url": "/another"}}
    assert patient.deliver(other)["result"] == "stored"
    service.deliver(b"{", "/events/orders")
    before, metrics = db.letters(), patient.metric("events_received_total")
    answer = retry(patient, status="pending", dry_run=True)
    assert (answer.retried, answer.stored, answer.duplicates, answer.rejected_again) == (3, 1, 0, 2)
    assert [(r.outcome, r.error.code) for r in answer.results] == [
        ("stored", ""), ("rejected", "ID_CONFLICT"), ("rejected", "MISSING_FIELD"),
        ("not_retryable", "NOT_RETRYABLE"),
    ]
    assert db.letters() == before and len(db.events()) == 1
    assert patient.metric("events_received_total") == metrics
    answer = retry(patient, status="pending")
    assert (answer.stored, answer.rejected_again) == (1, 2)
    assert retry(patient, ids=[before[0]["id"]], dry_run=True).results[0].outcome == "skipped"


def test_only_pending_letters_are_retried(db, service):
    for _ in range(3):
        reject(service, shop.page_view(session_id=""))
    a, b, c = (row["id"] for row in db.letters())
    db.execute("UPDATE dead_letter_queue SET status = 'resolved' WHERE id = %s", a)
    assert service.call(ADMIN + "DiscardDeadLetters", ids=[b]).discarded == 1
    answer = retry(service, ids=[a, b, c, 999])
    assert {r.id: (r.outcome, r.error.message) for r in answer.results if r.id != c} == {
        a: ("skipped", "it is resolved"),
        b: ("skipped", "it is discarded"),
        999: ("skipped", "there is no such letter"),
    }
    assert answer.rejected_again == 1


def test_what_another_holds_is_left_to_it(db, service, patient):
    event = old(shop.page_view())
    reject(service, event)
    [row] = db.letters()
    claim = ("UPDATE dead_letter_queue SET status = 'retrying', claimed_by = 'x', "
             "lease_until = now() + %s * interval '1 second'")
    db.execute(claim, 60)
    [r] = retry(patient, ids=[row["id"]]).results
    assert (r.outcome, r.error.message) == ("skipped", "it is retrying")
    assert service.call(ADMIN + "DiscardDeadLetters", ids=[row["id"]]).discarded == 0
    assert letters(service, status="retrying") and not letters(service, status="pending")
    db.execute(claim, -1)  # its holder has died
    assert letters(service, status="pending")
    assert retry(patient, ids=[row["id"]]).stored == 1


def test_many_at_once_are_each_retried_once(db, service, launch):
    two = [launch(db, retention_days=365, workers=2) for _ in range(2)]
    events = [old(shop.page_view()) for _ in range(400)]
    for at in range(0, len(events), 100):
        assert {s["result"] for s in service.deliver_bulk(events[at : at + 100])} == {"rejected"}
    answers = []
    threads = [
        threading.Thread(target=lambda s=s: answers.append(retry(s, status="pending")))
        for s in two * 3
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(a.stored for a in answers) == len(events)
    assert sum(a.duplicates + a.rejected_again for a in answers) == 0
    assert {r["retries"] for r in db.letters()} == {1} and len(db.events()) == len(events)


def test_discard(db, service):
    for kind in ("analytics.page_view", "analytics.page_view", "product.viewed", "no.such"):
        reject(service, {**shop.cloud_event(kind, {"x": 1}), "source": kind})
    assert service.call(ADMIN + "DiscardDeadLetters", topic="analytics.page_view").discarded == 2
    assert service.call(ADMIN + "DiscardDeadLetters", topic="analytics.page_view").discarded == 0
    assert service.call(ADMIN + "DiscardDeadLetters", error_code="UNKNOWN_EVENT_TYPE").discarded == 1
    assert [x["status"] for x in db.letters()] == ["discarded", "discarded", "pending", "discarded"]
    assert not db.rows("SELECT FROM dead_letter_queue WHERE status = 'discarded' "
                       "AND next_retry_at IS NOT NULL")


def test_an_empty_filter_is_none_and_an_unknown_state_is_a_mistake(db, service):
    reject(service, {**shop.cloud_event("no.such", {"x": 1})})
    assert len(letters(service, error_code="", status="", topic="", source="", event_type="")) == 1
    assert not letters(service, status="resolved")
    e = failure(lambda: letters(service, status="solved"))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT and "resolved" in e.details()
    e = failure(lambda: service.call(ADMIN + "ListReconciliationReports", severity="bad"))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT and "critical" in e.details()


@pytest.mark.parametrize("method", ["RetryDeadLetters", "DiscardDeadLetters"])
@pytest.mark.parametrize(
    "fields",
    [{}, {"ids": [1], "topic": "x"}, {"status": "resolved"}, {"ids": list(range(1, 1002))}],
)
def test_bad_choices_are_refused(service, method, fields):
    e = failure(lambda: service.call(ADMIN + method, **fields))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_only_what_can_heal_is_retried_by_itself(db, service, launch):
    reject(service, shop.cloud_event("no.such.type", {"a": 1}))
    reject(service, shop.page_view(schema_version="v9"))
    reject(service, shop.page_view(session_id=""))
    unknown, version, missing = db.letters()
    for row in (unknown, version):
        wait = row["next_retry_at"] - row["first_seen"]
        assert dt.timedelta(minutes=4) < wait < dt.timedelta(minutes=6)
    assert missing["next_retry_at"] is None
    db.execute("UPDATE dead_letter_queue SET next_retry_at = now() WHERE next_retry_at IS NOT NULL")
    retry_due(launch(db))
    for row in db.letters()[:2]:
        assert (row["status"], row["retries"]) == ("pending", 1)
        age = row["next_retry_at"] - dt.datetime.now(shop.UTC)
        assert dt.timedelta(minutes=8) < age < dt.timedelta(minutes=11), "twice as long"
    assert db.letters()[2]["retries"] == 0


def test_there_is_a_limit_to_it(db, launch):
    service = launch(db)
    reject(service, shop.cloud_event("no.such.type", {"a": 1}))
    db.execute("UPDATE dead_letter_queue SET retries = 8, next_retry_at = now()")
    retry_due(service)
    assert db.letters()[0]["retries"] == 9
    age = db.letters()[0]["next_retry_at"] - dt.datetime.now(shop.UTC)
    assert dt.timedelta(hours=23) < age < dt.timedelta(hours=25), "a day is the longest wait"
    db.execute("UPDATE dead_letter_queue SET next_retry_at = now()")
    retry_due(service)
    assert (db.letters()[0]["retries"], db.letters()[0]["next_retry_at"]) == (10, None)


def test_a_retry_while_the_database_is_away_loses_nothing(own_postgres, launch):
    db = own_postgres.database()
    event = old(shop.page_view())
    strict = launch(db)
    reject(strict, event)
    strict.stop()
    service = launch(db, retention_days=365, breaker_open_ms=200)
    own_postgres.stop()
    e = failure(lambda: retry(service, status="pending"))
    assert e.code() == grpc.StatusCode.UNAVAILABLE
    own_postgres.start()
    service.wait_for("ready")

    def retried():
        try:
            return retry(service, status="pending").stored == 1
        except grpc.RpcError as e:  # ready says that events can be stored; questions follow
            assert e.code() == grpc.StatusCode.UNAVAILABLE
            return False

    wait_until(retried, "the letter is retried")
    assert [r["status"] for r in db.letters()] == ["resolved"]
    assert service.deliver(event)["result"] == "duplicate"
