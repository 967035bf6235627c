"""Migrations: several at once, again, and over what is there."""
import os
import subprocess

from fixture import events as shop
from fixture.service import binary


def migrate(db):
    return subprocess.Popen(
        [binary(), "migrate"],
        env={**os.environ, **db.env()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_several_at_once_on_an_empty_database(postgres):
    db = postgres.database(template="template0")
    try:
        together = [migrate(db) for _ in range(6)]
        for p in together:
            out = p.communicate(timeout=120)[0].decode()
            assert p.returncode == 0, out
        tables = {
            r["tablename"]
            for r in db.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }
        assert {"analytics_events", "processed_events", "dead_letter_queue", "fx_rates"} <= tables
    finally:
        postgres.drop(db)


def test_again_changes_nothing(service, db):
    service.deliver(shop.page_view())
    service.stop()
    before = db.dump()
    p = migrate(db)
    assert p.wait(120) == 0
    assert db.dump() == before


def test_without_postgresql_it_says_so(own_postgres):
    db = own_postgres.database()
    own_postgres.stop()
    p = migrate(db)
    out = p.communicate(timeout=120)[0].decode()
    assert p.returncode > 0 and out.strip() and "Sanitizer" not in out
