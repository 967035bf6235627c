"""Runs of jobs: by hand, over gRPC and as a command; leases and fencing; what reconciliation finds."""
import contextlib
import datetime as dt
import os
import signal
import subprocess
import threading

import grpc
import pytest

from fixture import events as shop
from fixture.clock import runs
from fixture.service import binary, failure
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
TODAY = dt.datetime.now(shop.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)

STORE = """
INSERT INTO analytics_events
    (created_at, received_at, event_key, event_type, event_id, event_source, schema_version, properties)
SELECT %s::date::timestamp AT TIME ZONE 'UTC' + n * interval '1 minute', now(), gen_random_uuid(), %s,
       gen_random_uuid(), 'shop', 'v1', '{}'
FROM generate_series(1, %s) n
"""


def store(db, day, event_type, count):
    db.execute("SELECT ensure_events_month(%s::date)", day)
    db.execute(STORE, day, event_type, count)


def store_week(db, **a_day):
    """The same on each of the seven days before yesterday."""
    for back in range(2, 9):
        for event_type, count in a_day.items():
            store(db, TODAY - dt.timedelta(days=back), event_type, count)


def break_reconciliation(db):
    """From now on no report can be written."""
    store_week(db, purchase=30)
    db.execute("ALTER TABLE reconciliation_reports ADD CONSTRAINT broken CHECK (false) NOT VALID")


def leave_one_slot_due(db):
    """Of the daily reconciliation: the slot before the last one is settled."""
    now = dt.datetime.now(shop.UTC)
    last = now.replace(hour=2, minute=30, second=0, microsecond=0)
    if last > now:
        last -= dt.timedelta(days=1)
    db.execute(
        "INSERT INTO job_runs (job, slot, state) VALUES ('reconciliation', %s, 'skipped')",
        last - dt.timedelta(days=1),
    )


def run_job(service, name, **fields):
    return service.call(ADMIN + "RunJob", name=name, **fields).run


def command(db, *args):
    """analyticsd job ...: its exit status."""
    env = {**os.environ, **db.env(), "PII_HMAC_KEY": "0" * 64}
    p = subprocess.run(
        [binary(), "job", *args], env=env, stderr=subprocess.PIPE, check=False, timeout=120
    )
    assert b"Sanitizer" not in p.stderr and b"runtime error" not in p.stderr, p.stderr
    return p.returncode


@contextlib.contextmanager
def gate(db, table):
    """Holds up every insert into table, in the database, until it is opened."""
    db.execute("CREATE TABLE gate AS SELECT true AS shut")
    db.execute(
        """CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               WHILE (SELECT shut FROM gate) LOOP PERFORM pg_sleep(0.02); END LOOP;
               RETURN NEW;
           END $$"""
    )
    db.execute("GRANT SELECT ON gate TO analytics")
    db.execute(
        f"CREATE TRIGGER gate BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION wait_at_gate()"
    )
    try:
        yield lambda: db.execute("UPDATE gate SET shut = false")
    finally:
        db.execute("UPDATE gate SET shut = false")


def test_reconciliation_names_what_is_missing(db, service):
    store_week(db, purchase=100, page_view=50, checkout=40, add_to_cart=19)
    store(db, YESTERDAY, "purchase", 40)  # far too few
    store(db, YESTERDAY, "page_view", 39)  # under 80 %
    store(db, YESTERDAY, "checkout", 32)  # just enough
    run = run_job(service, "reconciliation")
    assert (run.state, run.day, run.by_hand) == ("succeeded", str(YESTERDAY), True), run
    reports = {
        r.event_type: r
        for r in service.call(ADMIN + "ListReconciliationReports").reports
        if r.subject == "events"
    }
    assert {k: (r.severity, r.expected, r.actual) for k, r in reports.items()} == {
        "purchase": ("critical", 100, 40),
        "page_view": ("warning", 50, 39),
        "checkout": ("ok", 40, 32),
    }
    assert reports["purchase"].gap_ratio == 0.6 and reports["purchase"].date == str(YESTERDAY)
    [worst] = service.call(ADMIN + "ListReconciliationReports", severity="critical").reports
    assert worst.event_type == "purchase"
    wait_until(
        lambda: service.metric("reconciliation_gap_ratio", type="purchase") == 0.6, "the gap's metric"
    )
    # Deleted by hand, and looked at again: the report of the day is another one.
    db.execute("DELETE FROM analytics_events WHERE event_type = 'checkout' AND created_at >= %s", YESTERDAY)
    assert command(db, "reconciliation", "--date", str(YESTERDAY)) == 0
    [lost] = service.call(
        ADMIN + "ListReconciliationReports", date=str(YESTERDAY), event_type="checkout"
    ).reports
    assert (lost.severity, lost.actual, lost.gap_ratio) == ("critical", 0, 1)


def test_a_stopped_leader_cannot_commit_late(db, launch):
    """It is stopped in the middle of its transaction; another takes the slot over; then the first
    one's transaction goes on."""
    store_week(db, purchase=30)
    leave_one_slot_due(db)
    with gate(db, "reconciliation_reports") as open_gate:
        services = [launch(db, job_lease_sec=2) for _ in range(2)]
        [first] = wait_until(lambda: runs(db, "reconciliation"), "one has begun")
        leader = int(first["owner"].split("/")[1])
        wait_until(
            lambda: db.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%reconciliation_reports (day%%' AND state = 'active' AND application_name = 'analyticsd'"),
            "its transaction is under way",
        )
        os.kill(leader, signal.SIGSTOP)
        try:
            second = wait_until(
                lambda: [r for r in runs(db, "reconciliation") if r["fence"] != first["fence"]],
                "another one has taken over",
            )[0]
            open_gate()
            wait_until(
                lambda: runs(db, "reconciliation")[0]["state"] == "succeeded", "the second one is done"
            )
        finally:
            os.kill(leader, signal.SIGCONT)
    assert second["fence"] > first["fence"] and second["owner"] != first["owner"]
    [stopped] = [s for s in services if leader in s.workers()]
    wait_until(lambda: "failed" in stopped.stderr(), "the first one hears of it")
    [run] = runs(db, "reconciliation")
    assert (run["owner"], run["attempts"], run["state"]) == (second["owner"], 2, "succeeded")
    fences = db.rows("SELECT DISTINCT fence FROM reconciliation_reports")
    assert fences == [{"fence": run["fence"]}]
    assert stopped.metric("job_runs_total", job="reconciliation", result="failed") == 1


def test_a_run_that_is_interrupted_by_the_end_of_its_service_is_given_back(db, launch):
    store_week(db, purchase=30)
    leave_one_slot_due(db)
    with gate(db, "reconciliation_reports") as open_gate:
        first = launch(db, job_lease_sec=600)
        wait_until(lambda: runs(db, "reconciliation"), "it has begun")
        first.stop()
        [run] = runs(db, "reconciliation")
        assert (run["state"], run["attempts"], run["given_up"]) == ("failed", 0, False)
        open_gate()
        launch(db)
        wait_until(
            lambda: runs(db, "reconciliation")[0]["state"] == "succeeded", "the next one has run it"
        )
    assert runs(db, "reconciliation")[0]["attempts"] == 1


def test_a_run_that_fails_is_tried_again_and_given_up_at_last(db, launch):
    leave_one_slot_due(db)
    break_reconciliation(db)
    service = launch(db)
    for attempt in range(1, 6):
        wait_until(
            lambda n=attempt: [r["attempts"] for r in runs(db, "reconciliation") if r["state"] == "failed"] == [n],
            f"attempt {attempt} has failed",
        )
        [run] = runs(db, "reconciliation")
        assert run["given_up"] == (attempt == 5) and "reconciliation" in run["error"], run
        db.execute("UPDATE job_runs SET retry_at = now() WHERE job = 'reconciliation'")
    db.execute("ALTER TABLE reconciliation_reports DROP CONSTRAINT broken")
    assert service.metric("job_runs_total", job="reconciliation", result="failed") == 5
    assert run_job(service, "reconciliation").state == "succeeded"


def test_runs_by_hand(db, launch):
    service = launch(db, jobs=0)
    jobs = {j.name: j for j in service.call(ADMIN + "ListJobs").jobs}
    assert jobs["reconciliation"].schedule == "daily 02:30"
    assert jobs["reconciliation"].catch_up == "each" and jobs["dead_letter_retry"].catch_up == "last"
    assert jobs["reconciliation"].next_slot.endswith("T02:30:00Z")
    assert not jobs["reconciliation"].HasField("last_success")
    assert not any(j.runs for j in jobs.values()), "without jobs nothing runs by itself"
    run = run_job(service, "reconciliation", date="2026-01-31")
    assert (run.state, run.day, run.attempts) == ("succeeded", "2026-01-31", 1)
    [listed] = service.call(ADMIN + "ListJobs", name="reconciliation").jobs
    assert [r.slot for r in listed.runs] == [run.slot] and listed.last_success == run.finished_at
    assert service.metric("job_last_success_timestamp_seconds", job="reconciliation") >= 0
    ahead = str(TODAY + dt.timedelta(days=2))
    for fields in (
        {"name": "nothing"},
        {},
        {"name": "reconciliation", "date": "31.1.2026"},
        {"name": "reconciliation", "date": ahead},
    ):
        e = failure(lambda f=fields: service.call(ADMIN + "RunJob", **f))
        assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, fields


def test_one_run_of_a_job_at_a_time(db, launch):
    store_week(db, purchase=30)
    service, other = (launch(db, jobs=0) for _ in range(2))
    with gate(db, "reconciliation_reports") as open_gate:
        answers = []
        thread = threading.Thread(target=lambda: answers.append(run_job(service, "reconciliation")))
        thread.start()
        wait_until(lambda: runs(db, "reconciliation", scheduled=False), "it has begun")
        for s in (service, other):
            e = failure(lambda s=s: run_job(s, "reconciliation"))
            assert e.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert command(db, "reconciliation") == 1
        # Whoever waits less than it takes hears that it goes on.
        slow = run_job(service, "partition_maintenance", timeout=20)
        assert slow.state == "succeeded"
        open_gate()
        thread.join(60)
    assert [a.state for a in answers] == ["succeeded"]


def test_an_answer_before_the_end(db, launch):
    store_week(db, purchase=30)
    service = launch(db, jobs=0)
    with gate(db, "reconciliation_reports") as open_gate:
        run = run_job(service, "reconciliation", timeout=2)
        assert run.state == "started"
        open_gate()
        wait_until(
            lambda: runs(db, "reconciliation", scheduled=False)[0]["state"] == "succeeded", "its end"
        )


def test_the_command_says_how_it_went(db):
    assert command(db, "partition_maintenance") == 0
    assert command(db, "dead_letter_retry") == 0
    assert command(db, "no_such_job") == 2
    assert command(db, "reconciliation", "--date", "2026-02-30") == 2
    assert command(db, "reconciliation", "--date", "2999-01-01") == 2
    break_reconciliation(db)
    assert command(db, "reconciliation") == 1
    [run] = runs(db, "reconciliation", scheduled=False)
    assert (run["state"], run["given_up"]) == ("failed", True)


def test_the_last_success_outlives_a_restart(db, launch):
    first = launch(db, jobs=0)
    run_job(first, "partition_maintenance")
    first.stop()
    second = launch(db, workers=2)
    at = db.value("SELECT extract(epoch FROM finished_at)::float8 FROM job_runs WHERE by_hand")
    wait_until(
        lambda: abs(second.metric("job_last_success_timestamp_seconds", job="partition_maintenance") - at) < 1,
        "it is known again",
    )


def test_history_is_kept_for_a_year(db, launch):
    db.execute(
        "INSERT INTO job_runs (job, slot, state) SELECT 'partition_maintenance', now() - n * interval '100 days', 'succeeded'"
        " FROM generate_series(1, 6) n"
    )
    run_job(launch(db, jobs=0), "partition_maintenance")
    assert db.value("SELECT count(*) FROM job_runs WHERE job = 'partition_maintenance'") == 4
