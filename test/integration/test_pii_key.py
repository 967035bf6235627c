"""The pseudonymization key: from a file, with an id, exchanged without a restart."""
import hashlib
import hmac
import os
import signal

from fixture import events as shop
from fixture.wait import wait_until

AGENT = "Mozilla/5.0 (X11) Probe/1"


def hashed(secret):
    return hmac.new(secret.encode(), AGENT.encode(), hashlib.sha256).hexdigest()


def newest(db):
    sql = "SELECT pii_key_id, user_agent FROM analytics_events ORDER BY received_at DESC LIMIT 1"
    return tuple(db.rows(sql)[0].values())


def test_a_new_key_is_used_after_sighup_and_old_rows_keep_theirs(db, launch, tmp_path):
    first, second = "a" * 32, "b" * 32
    key = tmp_path / "key"
    key.write_text(f"k1:{first}\n")
    service = launch(db, PII_HMAC_KEY_FILE=str(key), PII_HMAC_KEY="")
    service.publish([shop.page_view(user_agent=AGENT)])
    assert newest(db) == ("k1", hashed(first))

    key.write_text(f"k2:{second}\n")
    os.kill(service.process.pid, signal.SIGHUP)

    def changed():
        service.publish([shop.page_view(user_agent=AGENT)])
        return newest(db) == ("k2", hashed(second))

    wait_until(changed, "the new key")
    old = "SELECT user_agent FROM analytics_events WHERE pii_key_id = 'k1'"
    assert db.value(old) == hashed(first)

    key.write_text("short")
    os.kill(service.process.pid, signal.SIGHUP)
    wait_until(lambda: "the key stays" in service.stderr(), "the refusal")
    service.publish([shop.page_view(user_agent=AGENT)])
    assert newest(db) == ("k2", hashed(second))
