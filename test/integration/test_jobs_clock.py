"""Jobs by the wall clock, with the real program under libfaketime: three replicas on one database,
while the clock is moved."""
import datetime as dt
import zoneinfo

import pytest

from fixture.clock import Clock, runs, wait_for_slots
from fixture.wait import wait_until

UTC = dt.timezone.utc
HOUR = dt.timedelta(hours=1)
JOBS = [
    "hourly_aggregation", "daily_aggregation", "partition_maintenance", "reconciliation", "dead_letter_retry"
]


def local(zone, days_ahead, hour, minute=0, second=0):
    """A wall-clock time of the zone, days from today."""
    tz = zoneinfo.ZoneInfo(zone)
    day = dt.datetime.now(tz).date() + dt.timedelta(days=days_ahead)
    return dt.datetime.combine(day, dt.time(hour, minute, second), tz).astimezone(UTC)


def wait_for_start(db):
    wait_until(
        lambda: db.value("SELECT count(*) FROM job_runs WHERE job = ANY(%s)", JOBS) >= len(JOBS),
        "the jobs have noted from when on they are due",
    )


def succeeded(services, job):
    return sum(s.metric("job_runs_total", job=job, result="succeeded") for s in services)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_each_slot_runs_once_over_three_replicas_and_what_was_missed_is_caught_up(db, launch, zone):
    clock = Clock(local(zone, 1, 15, 2))
    how = {"business_timezone": zone, **clock.settings()}
    services = [launch(db, **how) for _ in range(3)]
    wait_for_start(db)
    assert not [r for j in JOBS for r in runs(db, j)], "nothing was due at the start"

    clock.set(local(zone, 2, 2, 29, 58))  # two seconds before its slot, which the watcher meets
    wait_for_slots(db, "partition_maintenance", [local(zone, 2, 0, 30)])
    wait_for_slots(db, "daily_aggregation", [local(zone, 2, 1)])
    hours = [local(zone, 1, 16) + n * HOUR for n in range(11)]
    wait_for_slots(db, "hourly_aggregation", hours)
    wait_for_slots(db, "reconciliation", [local(zone, 2, 2, 30)])
    [run] = runs(db, "reconciliation")
    assert str(run["day"]) == local(zone, 1, 12).astimezone(zoneinfo.ZoneInfo(zone)).strftime("%Y-%m-%d")
    assert (run["attempts"], run["given_up"]) == (1, False)
    assert succeeded(services, "reconciliation") == succeeded(services, "daily_aggregation") == 1
    assert succeeded(services, "hourly_aggregation") == len(hours)

    # Back, and on again: no slot is run twice.
    clock.set(local(zone, 1, 23))
    clock.set(local(zone, 2, 4))
    wait_until(
        lambda: runs(db, "dead_letter_retry")[-1]["slot"] >= local(zone, 2, 4), "the clock's new time"
    )
    assert len(runs(db, "reconciliation")) == 1

    # Three days down: the days in order; of what belongs to no date the last slot only.
    for s in services:
        s.stop()
    clock.set(local(zone, 5, 3, 1))
    for s in services:
        s.start()
    days = [local(zone, d, 2, 30) for d in range(2, 6)]
    wait_for_slots(db, "reconciliation", days)
    wait_for_slots(db, "daily_aggregation", [local(zone, d, 1) for d in range(2, 6)])
    hours += [hours[-1] + n * HOUR for n in range(1, 74)]
    wait_for_slots(db, "hourly_aggregation", hours)
    wait_for_slots(db, "partition_maintenance", [local(zone, d, 0, 30) for d in (2, 5)])
    for job in JOBS:
        begun = [r["started_at"] for r in runs(db, job)]
        assert begun == sorted(begun), f"{job}: the slots in their order"
    assert {r["attempts"] for j in JOBS for r in runs(db, j)} == {1}


def test_both_changes_of_summer_time(db, launch):
    zone = "America/New_York"
    clock = Clock(dt.datetime(2027, 3, 13, 17, tzinfo=UTC))
    launch(db, business_timezone=zone, **clock.settings())
    wait_for_start(db)

    def hours(day):
        """How many hourly slots a local day has."""
        first = dt.datetime.combine(day, dt.time(0), zoneinfo.ZoneInfo(zone))
        after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(0), zoneinfo.ZoneInfo(zone))
        slots = [r["slot"] for r in runs(db, "hourly_aggregation")]
        return len([s for s in slots if first < s <= after])

    clock.set(dt.datetime(2027, 3, 15, 17, tzinfo=UTC))
    spring = [dt.datetime(2027, 3, 14, 7, 0, tzinfo=UTC), dt.datetime(2027, 3, 15, 6, 30, tzinfo=UTC)]
    wait_for_slots(db, "reconciliation", spring)
    wait_until(lambda: hours(dt.date(2027, 3, 14)) == 23, "a day of 23 hours")
    # The day of 25 hours: nothing of before is owed once it is settled.
    db.execute(
        "INSERT INTO job_runs (job, slot, state) SELECT unnest(%s), '2027-11-06 07:00Z', 'skipped'",
        ["reconciliation", "hourly_aggregation", "daily_aggregation"],
    )
    clock.set(dt.datetime(2027, 11, 8, 17, tzinfo=UTC))
    autumn = [dt.datetime(2027, 11, 7, 7, 30, tzinfo=UTC), dt.datetime(2027, 11, 8, 7, 30, tzinfo=UTC)]
    wait_for_slots(db, "reconciliation", spring + autumn)
    wait_until(lambda: hours(dt.date(2027, 11, 7)) == 25, "a day of 25 hours")
