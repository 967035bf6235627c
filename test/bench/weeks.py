#!/usr/bin/env python3
"""Ingestion on six weeks of events, beside the same into empty tables: events per second by 500 from four clients, with the
projector off and on, and how far it is behind meanwhile. README.md says more.

    ANALYTICSD=build/analyticsd test/bench/weeks.py --bench=build/test/bench [--events 2500000] [--days 42] [--rounds 5]"""
import argparse
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "answers"))

from run import Service, fill, say, start_postgres, took, wait_until  # noqa: E402

# What ingestion leaves beside the events; half of the identities are of a generation before.
BESIDE = """
INSERT INTO processed_events_older SELECT event_key, gen_random_uuid() FROM analytics_events WHERE created_at < now() - %s * interval '12 hours';
INSERT INTO processed_events_current SELECT event_key, gen_random_uuid() FROM analytics_events WHERE created_at >= now() - %s * interval '12 hours';
INSERT INTO event_sequence_tracking (entity_key, last_time)
SELECT md5(coalesce(order_id, session_id, customer_id, product_id, event_id))::uuid, max(created_at)
FROM analytics_events GROUP BY 1
"""


def load(bench, db, server, projector, seconds):
    """Runs the clients against a service on db: what bench_projector says, as numbers."""
    db.execute("TRUNCATE projection_marks")
    db.execute("CHECKPOINT")
    service = Service(db, projector=projector, retention_days=400)
    try:
        service.start()
        with open(os.path.join(server.data, "postmaster.pid"), encoding="ascii") as f:
            postmaster = int(f.readline())
        said = subprocess.run(
            [os.path.join(bench, "bench_projector"), f"--port={service.grpc_port}", f"--pid={service.process.pid}",
             f"--pg-pid={postmaster}", f"--db=host=127.0.0.1 port={server.port} dbname={db.name} user=analytics",
             f"--seconds={seconds}", f"--projector={projector}"],
            check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 300).stdout
        service.stop()
    finally:
        service.kill()
    events, median, most, caught_up, ours, theirs = (float(x) for x in re.findall(r"(?<![a-zA-Z])\d+(?:\.\d+)?", said))
    return {"events/s": events, "median": median, "most": most, "caught up": caught_up, "service": ours, "PostgreSQL": theirs}


def row(name, got, ratio=None):
    say(f"{name:32}{got['events/s']:10.0f} {got['median']:10.2f} {got['most']:9.2f} {got['caught up']:10.2f} {got['service']:12.1f} "
        f"{got['PostgreSQL']:14.1f}" + (f" {ratio:8.2f}" if ratio else ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", required=True)
    parser.add_argument("--events", type=int, default=2_500_000)
    parser.add_argument("--days", type=int, default=42)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=15)
    args = parser.parse_args()
    server = start_postgres()
    try:
        weeks = server.database()
        with took("filled"):
            stored = fill(weeks, args.events, args.days)
            weeks.execute("SET ROLE analytics;" + BESIDE, args.days, args.days)
        say(f"{stored} events over {args.days} days")
        service = Service(weeks, retention_days=400)
        with took("projected"):
            service.start()
            wait_until(lambda: weeks.value("SELECT count(*) FROM projection_marks") == 0, "all is projected", 3600)
        service.stop()
        with took("vacuumed"):
            weeks.execute("VACUUM ANALYZE")
        say(f"\n{'':32}{'events/s':>10} {'lag median':>10} {'most, s':>9} {'caught up':>10} {'service us':>12} {'PostgreSQL us':>14} {'of empty':>8}")
        off, on, lags = [], [], []
        for _ in range(args.rounds):
            empty = server.database()
            base = load(args.bench, empty, server, 0, args.seconds)
            server.drop(empty)
            row("empty, projector off", base)
            for name, projector, ratios in (("six weeks, projector off", 0, off), ("six weeks, projector on", 1, on)):
                got = load(args.bench, weeks, server, projector, args.seconds)
                ratios.append(got["events/s"] / base["events/s"])
                row(name, got, ratios[-1])
            lags.append(got["most"])
        say("")
        for name, value, good, target in (
                ("six weeks, projector off", statistics.median(off), statistics.median(off) >= 0.85, "of the empty tables' rate (target at least 0.85)"),
                ("six weeks, projector on", statistics.median(on), statistics.median(on) >= 0.5, "of the empty tables' rate (target at least 0.5)"),
                ("six weeks, answers behind", max(lags), max(lags) <= 5, "s at most (target at most 5)")):
            say(f"RATIO (w) {name}: {value:.2f} {target}{'' if good else '  MISSED'}")
    finally:
        server.destroy()


if __name__ == "__main__":
    main()
