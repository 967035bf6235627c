"""The funnel of a range: funnel() and GetConversionFunnel against a naive reading of the rule, event by event."""
import bisect
import contextlib
import datetime as dt
import random
import urllib.parse
import zoneinfo

import psycopg2.extras
import pytest
from google.protobuf import json_format

UTC = dt.timezone.utc
STAGES = ["page_view", "product_view", "add_to_cart", "checkout", "purchase"]
DEVICES, SOURCES = ["mobile", "desktop", None], ["google", "mail", None, "google", "google"]
RPC = "api.analytics.v1.AnalyticsService/GetConversionFunnel"
PATH = "/api/v1/analytics/funnel"
SQL_FUNNEL = "SELECT * FROM funnel(%s, %s)"


def reached(events, lo, hi):
    """Of (time, stage 1 to 5) pairs in no order: how many stages are reached within [lo, hi), by the definition."""
    moment, inside = lo, [(t, s) for t, s in events if lo <= t < hi]
    for stage in range(1, 6):
        later = [t for t, s in inside if s == stage and t >= moment]
        if not later:
            return stage - 1
        moment = min(later)
    return 5


def truth(sessions, lo, hi):
    """(sessions, bought, reached1 .. reached5)"""
    out = [0] * 7
    for events in sessions:
        inside = [s for t, s in events if lo <= t < hi]
        if inside:
            out[0] += 1
            out[1] += 5 in inside
            for stage in range(reached(events, lo, hi)):
                out[2 + stage] += 1
    return out


class Quick:
    """The same truth for many ranges: sessions that no end of a range cuts are summed once, by when they begin."""

    def __init__(self, sessions):
        self.sessions = sorted((e for e in sessions if e), key=min)
        self.first = [min(e)[0] for e in self.sessions]
        self.last = [max(e)[0] for e in self.sessions]
        whole = [truth([e], min(e)[0], dt.datetime.max.replace(tzinfo=UTC)) for e in self.sessions]
        self.sums = [[0] * 7]
        for w in whole:
            self.sums.append([a + b for a, b in zip(self.sums[-1], w)])

    def funnel(self, lo, hi):
        a, b = bisect.bisect_left(self.first, lo), bisect.bisect_left(self.first, hi)
        out = [y - x for x, y in zip(self.sums[a], self.sums[b])]
        for i in range(b):
            if i < a and self.last[i] >= lo:
                out = [x + y for x, y in zip(out, truth([self.sessions[i]], lo, hi))]
            elif i >= a and self.last[i] >= hi:
                whole = [y - x for x, y in zip(self.sums[i], self.sums[i + 1])]
                cut = truth([self.sessions[i]], lo, hi)
                out = [x - w + c for x, w, c in zip(out, whole, cut)]
        return out


def random_sessions(rnd, n, start, days):
    """Steps on a grid of minutes, so that many are equal; short visits, long ones, and some of many days."""
    out = []
    for _ in range(n):
        t = start + dt.timedelta(minutes=rnd.randrange(days * 24 * 60))
        span = rnd.choice([1, 5, 30, 59, 60, 61, 90, 600, 1440, 5000])
        likely = rnd.random()
        events = set()
        for _ in range(rnd.choice([1, 2, 4, 6, 10, 14])):
            stage = rnd.randrange(1, 6)
            at = stage * span // 6 if rnd.random() < likely else rnd.randrange(span + 1)
            events.add((t + dt.timedelta(minutes=at), stage))
        out.append(list(events))
    return out


def fill(db, sessions, zone):
    """What the projector makes of them: steps in any order of arrival are one sorted array."""
    epoch, rows = dt.datetime(1970, 1, 1, tzinfo=UTC), []
    for i, events in enumerate(sessions):
        steps = sorted((t - epoch) // dt.timedelta(microseconds=1) * 8 + s for t, s in events)
        first, last = min(events)[0], max(events)[0]
        bought, far = any(s == 5 for _, s in events), reached(events, first, dt.datetime.max.replace(tzinfo=UTC))
        rows.append((f"s{i}", last, first, last, far, bought, steps, DEVICES[i % 3], SOURCES[i % 5]))
    with contextlib.closing(db.connect()) as c, c.cursor() as cursor:
        cursor.execute("UPDATE reporting_basis SET zone = %s", (zone,))
        psycopg2.extras.execute_values(
            cursor, "INSERT INTO sessions (session_id, seen_at, first_at, last_at, reached, bought, steps, device, source)"
                    " VALUES %s", rows
        )
        cursor.execute(
            """INSERT INTO session_days
               SELECT (first_at AT TIME ZONE zone)::date, coalesce(device, ''), coalesce(source, ''), count(*), count(*) FILTER (WHERE bought),
                      count(*) FILTER (WHERE reached >= 1), count(*) FILTER (WHERE reached >= 2),
                      count(*) FILTER (WHERE reached >= 3), count(*) FILTER (WHERE reached >= 4),
                      count(*) FILTER (WHERE reached >= 5)
               FROM sessions, reporting_basis GROUP BY 1, 2, 3"""
        )


def random_range(rnd, zone, start, days):
    """Minutes, local midnights of the business zone, and ends a microsecond beside them."""

    def end():
        t = start + dt.timedelta(minutes=rnd.randrange(-600, (days + 3) * 24 * 60))
        if rnd.random() < 0.6:
            t = t.astimezone(zone).replace(hour=0, minute=0).astimezone(UTC)
        return t + dt.timedelta(microseconds=rnd.choice([0, 0, 0, 1, -1]))

    lo, hi = sorted((end(), end()))
    return lo, hi if hi > lo else hi + dt.timedelta(minutes=rnd.randrange(1, 300))


@pytest.mark.parametrize("seed, zone, month", [
    (1, "UTC", (2026, 4)),
    (2, "Asia/Kathmandu", (2026, 1)),
    (3, "America/New_York", (2025, 3)),   # a day of 23 hours
    (4, "America/Havana", (2025, 10)),    # two midnights
    (5, "America/Santiago", (2025, 4)),   # 24:00 goes back to 23:00
])
def test_a_range_of_any_ends_is_counted_as_if_event_by_event(db, seed, zone, month):
    rnd, start, days = random.Random(seed), dt.datetime(*month, 1, tzinfo=UTC), 40
    sessions = random_sessions(rnd, 3000, start, days)
    fill(db, sessions, zone)
    quick = Quick(sessions)
    with contextlib.closing(db.connect()) as c, c.cursor() as cursor:
        for n in range(400):
            lo, hi = random_range(rnd, zoneinfo.ZoneInfo(zone), start, days)
            want = quick.funnel(lo, hi)
            if n < 25:
                assert want == truth(sessions, lo, hi)
            cursor.execute(SQL_FUNNEL, (lo, hi))
            assert list(cursor.fetchone().values()) == want, (seed, lo, hi)


def stages(users):
    """As JSON has them."""
    return [
        {"stage": s, "users": str(n), **({"rate": 100 * n / users[0]} if users[0] else {})}
        for s, n in zip(STAGES, users)
    ]


def ask(service, **arguments):
    return service.http("GET", PATH + "?" + urllib.parse.urlencode(arguments))


def test_the_answer_and_its_segments(db, launch):
    rnd, start, zone = random.Random(6), dt.datetime(2026, 4, 1, tzinfo=UTC), zoneinfo.ZoneInfo("Asia/Kolkata")
    sessions = random_sessions(rnd, 600, start, 10)
    fill(db, sessions, "Asia/Kolkata")
    service = launch(db, business_timezone="Asia/Kolkata")
    for n in range(30):
        lo, hi = random_range(rnd, zone, start, 10)
        by = ["", "device", "source"][n % 3]
        got = ask(service, startDate=lo.isoformat(), endDate=hi.isoformat(), **({"segmentBy": by} if by else {}))
        assert got.status == 200, got
        assert got.json["stages"] == stages(truth(sessions, lo, hi)[2:])
        names = {"": [], "device": DEVICES, "source": SOURCES}[by]
        parts = {name: [e for i, e in enumerate(sessions) if names[i % len(names)] == name] for name in names}
        want = {name: truth(part, lo, hi) for name, part in parts.items()}
        assert {x.get("segment"): x["stages"] for x in got.json["segments"]} == {
            name: stages(users[2:]) for name, users in want.items() if users[0]
        }
        sizes = [want[x.get("segment")][0] for x in got.json["segments"]]
        assert sizes == sorted(sizes, reverse=True)
    answer = service.call(RPC, start_date=lo.isoformat(), end_date=hi.isoformat(), segment_by=by)
    assert {**json_format.MessageToDict(answer), "dataAsOf": ""} == {**got.json, "dataAsOf": ""}
    a = ask(service, segmentBy="country")
    assert a.status == 400 and b'"segmentBy"' in a.body
    assert ask(service, startDate="2020-01-01", endDate="2020-01-01").json["stages"] == stages([0] * 5)
