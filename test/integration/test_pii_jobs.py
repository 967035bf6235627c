"""What was stored in clear before is found by the audit and rewritten by the backfill, also one that
is killed on its way."""
import hmac
import json
import os
import subprocess

import pytest

from fixture import events as shop
from fixture.service import binary
from fixture.wait import wait_until
from test_pii import bad_events, broken_bytes, good_events

ADMIN = "api.analytics.v1.AdminService/"
KEY = "0123456789abcdef0123456789abcdef"
MAIL, IP, IP6 = "canary.bird@example.com", "198.51.100.77", "2001:db8:aaaa:bbbb::77"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Canary/7.7"
SECRETS = (MAIL, IP, IP6, "Canary/7.7", "Canaria", "+15550107777", "Cage Lane")
CLEAR = {
    "customer_name": "Canaria Secreta", "phone": "+15550107777", "note": f"mail {MAIL} from {IP6}",
    "shipping_address": {"street": "Cage Lane 42", "country": "DE", "postal_code": "12345"},
    "discount_amount": 1.50, "deep": [{"ip": IP, "n": None}],
}
INSERT = """
    INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source,
        schema_version, session_id, customer_id, amount, ip_address, user_agent, email, properties)
    SELECT now() - n * interval '1 second', now(), gen_random_uuid(), 'purchase', 'e-' || n, 'shop', 'v1',
        's-' || n, %s, 12.5, %s, %s, %s, %s
    FROM generate_series(1, %s) AS n"""


def clear_rows(db, n):
    db.execute(INSERT, "c-1", IP, AGENT, MAIL, json.dumps(CLEAR), n)


def job(db, name, **settings):
    env = {**os.environ, **db.env(), "PII_HMAC_KEY": KEY, "JOB_LEASE_SEC": "2",
           **{k.upper(): str(v) for k, v in settings.items()}}
    return subprocess.Popen([binary(), "job", name], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def run(db, name, **settings):
    p = job(db, name, **settings)
    _, err = p.communicate(timeout=120)
    assert p.returncode == 0, err.decode()[-3000:]
    return db.rows("SELECT * FROM pii_scans ORDER BY id DESC LIMIT 1")[0]


def in_clear(db):
    text = db.dump()
    return [s for s in SECRETS if s in text]


def test_backfill_rewrites_what_the_audit_finds(db, service):
    good = [shop.purchase(email=MAIL, ip_address=IP, user_agent=AGENT, note=f"mail {MAIL}"), shop.page_view(a=[1, None]),
            shop.registration(name="Canaria"), shop.product_view(name="Trail Shoe")]
    for e in good:
        service.deliver(e)
    service.deliver(shop.page_view(schema_version="v9", email=MAIL))
    before = db.events(), db.letters()
    assert not service.call(ADMIN + "RunPiiAudit").findings, "what came in through the door is clean"
    wait_until(lambda: not db.rows("SELECT FROM projection_marks"), "all events are projected")
    clear_rows(db, 3)
    db.execute("INSERT INTO orders (order_id, customer_name) VALUES ('o-clear', 'Canaria Secreta')")
    db.execute(
        "INSERT INTO dead_letter_queue (letter_key, first_seen, last_seen, error_code, error_field, error_message, "
        "payload) VALUES (gen_random_uuid(), now(), now(), 'MALFORMED_JSON', '', '', %s)", f'{{"email": "{MAIL}"')
    audit = service.call(ADMIN + "RunPiiAudit")
    assert {(f.table, f.column): f.rows for f in audit.findings} == {
        **{("analytics_events", c): 3 for c in ("email", "ip_address", "user_agent", "properties")},
        ("orders", "customer_name"): 1, ("dead_letter_queue", "payload"): 1}
    assert audit.rows >= 10 and len(in_clear(db)) == len(SECRETS), "it changes nothing"
    wait_until(lambda: service.metric("pii_findings") == 14, "the metric tells")
    scan = run(db, "pii_backfill")
    assert (scan["rewritten"], scan["left_alone"]) == (5, 0)
    assert not in_clear(db)
    row = db.events(event_id="e-1")[0]
    hashed = hmac.new(KEY.encode(), MAIL.encode(), "sha256").hexdigest() + "@example.com"
    assert (row["email"], row["ip_address"], row["pii_key_id"]) == (hashed, "198.51.100.0", "k1")
    assert row["properties"] == {
        "customer_name": "C***", "note": f"mail {hashed} from 2001:db8:aaaa::", "discount_amount": 1.5,
        "shipping_address": {"country": "DE", "postal_code": "123"}, "deep": [{"ip": "198.51.100.0", "n": None}]}
    assert row["amount"] == 12.5
    assert run(db, "pii_backfill")["rewritten"] == 0, "once more changes nothing"
    assert not service.call(ADMIN + "RunPiiAudit").findings
    wait_until(lambda: service.metric("pii_findings") == 0, "the metric tells")
    assert [e for e in db.events() if not e["event_id"].startswith("e-")] == before[0]
    assert [x for x in db.letters() if x["error_code"] != "MALFORMED_JSON"] == before[1]


def test_what_ingestion_makes_of_anything_is_clean(db, service):
    for e in good_events() + bad_events():
        service.deliver(e, "/events/orders")
    for body in broken_bytes():
        service.deliver(body, "/events/orders")
    audit = service.call(ADMIN + "RunPiiAudit")
    assert audit.rows > 15 and not audit.findings


def test_a_killed_backfill_goes_on_where_it_was(db, service):
    clear_rows(db, 30000)
    p = job(db, "pii_backfill")
    wait_until(lambda: db.rows("SELECT FROM pii_scans WHERE rewritten > 0"), "it is under way")
    p.kill()
    p.communicate()
    [first] = db.rows("SELECT * FROM pii_scans")
    assert first["finished_at"] is None and 0 < first["rewritten"] < 30000
    wait_until(lambda: db.rows("SELECT FROM job_runs WHERE lease_until < now()"), "its lease is over")
    last = run(db, "pii_backfill")
    assert last["id"] == first["id"] and last["rewritten"] == 30000
    assert not in_clear(db)
    assert not service.call(ADMIN + "RunPiiAudit", timeout=120).findings


def test_rows_that_are_not_projected_wait(db):
    clear_rows(db, 2)
    db.execute("INSERT INTO projection_marks (part, row_ids, from_at, to_at) "
               "SELECT tableoid, array_agg(ctid), min(created_at), max(created_at) FROM analytics_events GROUP BY 1")
    p = job(db, "pii_backfill")
    wait_until(lambda: db.rows("SELECT FROM pii_scans"), "it is under way")
    with pytest.raises(subprocess.TimeoutExpired):
        p.communicate(timeout=1)
    assert MAIL in db.dump(), "their marks name their places"
    db.execute("DELETE FROM projection_marks")
    p.communicate(timeout=60)
    assert p.returncode == 0 and not in_clear(db)
