#!/usr/bin/env python3
"""The answers at scale: fills a database of its own with a made-up shop, has the service project it, and prints for every
RPC and range how long an answer takes, beside the same statements run over libpq and beside raw rows; and how long a late
event takes until each answer has it. README.md of the folder above says more.

    ANALYTICSD=build/analyticsd test/bench/answers/run.py [--events 10000000] [--days 120] [--calls 60]"""
import argparse
import concurrent.futures
import contextlib
import datetime as dt
import glob
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

from fixture import events as shop  # noqa: E402
from fixture import protos  # noqa: E402
from fixture.postgres import ROLE, Postgres  # noqa: E402
from fixture.service import Service, binary  # noqa: E402
from fixture.wait import wait_until  # noqa: E402

UTC = dt.timezone.utc
SERVICE = "api.analytics.v1.AnalyticsService/"
# RPC: the files with the same question about raw rows.
RPCS = {
    "GetDashboardOverview": ["overview_sales", "overview_visits"], "GetRevenueAnalytics": ["revenue"], "GetOrderAnalytics": ["orders"],
    "GetProductPerformance": ["products"], "GetCustomerAnalyticsSummary": ["customers"], "GetInventoryAnalytics": ["inventory"],
    "GetConversionFunnel": ["funnel"], "GetReturnAnalytics": ["returns"], "GetShippingAnalytics": ["shipping"],
    "GetFulfillmentAnalytics": ["fulfillment"], "GetMarketingAnalytics": ["marketing"], "GetPaymentAnalytics": ["payments"],
    "GetRealTimeMetrics": ["realtime"],
}
# Ranges: whole business days, and one of which both ends cut a day. The last is the funnel's by device.
RANGES = {"today": {"date_range": "today"}, "30d": {"date_range": "30d"}, "90d": {"date_range": "90d"},
          "30d +05:45": {"date_range": "30d", "time_zone": "Asia/Kathmandu"}}


def say(text):
    print(text, flush=True)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def ms(values):
    return f"{quantile(values, 0.5) * 1000:8.1f} {quantile(values, 0.95) * 1000:8.1f}"


@contextlib.contextmanager
def took(what):
    t = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - t:.1f} s")


def start_postgres():
    """As test/bench/run does, and a log that can be read back."""
    server = Postgres(fsync=True).create(binary())
    with open(os.path.join(server.data, "postgresql.conf"), "a", encoding="ascii") as f:
        f.write("shared_buffers = 1GB\nmax_wal_size = 8GB\nmin_wal_size = 2GB\ncheckpoint_timeout = 30min\n"
                "effective_cache_size = 6GB\nlogging_collector = on\nlog_destination = jsonlog\nlog_directory = 'jsonlog'\n"
                "log_filename = 'log'\nlog_rotation_age = 0\nlog_rotation_size = 0\n")
    server.stop()
    server.start()
    return server


def fill(db, events, days):
    with open(os.path.join(HERE, "generate.sql"), encoding="ascii") as f:
        db.execute(f"SET ROLE {ROLE};" + f.read().replace("%", "%%"))
    db.execute(f"SET ROLE {ROLE}; SELECT bench_begin(%s)", days)  # partitions are the service's own
    midnight = dt.datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [midnight - dt.timedelta(days=n) for n in range(days, -1, -1)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda s: db.value("SELECT bench_day(%s, %s)", s, events // days), starts))


class Asker:
    """Calls of the service, one at a time over one connection; bytes stay bytes, so that only the answer is timed."""

    def __init__(self, service):
        self.channel = service.channel()

    def stub(self, rpc):
        return self.channel.unary_unary("/" + SERVICE + rpc, request_serializer=lambda b: b, response_deserializer=lambda b: b)

    @staticmethod
    def request(rpc, fields):
        message = protos.method(SERVICE + rpc)[0]
        names = message.DESCRIPTOR.fields_by_name
        return message(**{k: v for k, v in fields.items() if k in names}).SerializeToString()

    def times(self, rpc, fields, calls):
        call, request, out = self.stub(rpc), self.request(rpc, fields), []
        for _ in range(3):
            call(request, timeout=600)
        for _ in range(calls):
            t = time.monotonic()
            call(request, timeout=600)
            out.append(time.monotonic() - t)
        return out

    def answer(self, rpc, fields):
        got = protos.method(SERVICE + rpc)[1].FromString(self.stub(rpc)(self.request(rpc, fields), timeout=600))
        got.ClearField("data_as_of")
        return got.SerializeToString()


def captured(db, server, ask):
    """The statements that PostgreSQL ran for ask(): (text, parameters), as its log tells them."""
    log = os.path.join(server.data, "jsonlog", "log.json")
    db.execute("ALTER SYSTEM SET log_min_duration_statement = 0")
    db.execute("SELECT pg_reload_conf()")
    wait_until(lambda: db.value("SHOW log_min_duration_statement") == "0", "PostgreSQL notes statements")
    time.sleep(0.3)  # other sessions read the setting between two statements
    at = os.path.getsize(log)
    ask()
    db.execute("ALTER SYSTEM RESET log_min_duration_statement")
    db.execute("SELECT pg_reload_conf()")
    found = []
    with open(log, encoding="utf-8") as f:
        f.seek(at)
        for line in f:
            entry = json.loads(line)
            m = re.match(r"duration: [\d.]+ ms  execute (\w+): (.*)", entry["message"], re.S)
            if m and not m[1].startswith(("tx_", "project_", "ingest_", "job", "dead", "letter", "schemas_")):
                detail = entry.get("detail", "")
                values = {int(n): None if v == "NULL" else v[1:-1].replace("''", "'")
                          for n, v in re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", detail)}
                found.append((m[2], [values[n] for n in sorted(values)]))
    assert found, "the log shows the service's statements"
    return found


class Direct:
    """The same statements over libpq: prepared, planned anew each time as the service has it, in one transaction."""

    def __init__(self, db):
        self.connection = db.connect()
        self.cursor = self.connection.cursor()
        self.cursor.execute("SET TimeZone = 'UTC'; SET jit = off; SET plan_cache_mode = force_custom_plan")
        self.names = {}

    def prepare(self, text):
        if text not in self.names:
            self.names[text] = f"q{len(self.names)}"
            self.cursor.execute(f"PREPARE {self.names[text]} AS {text}".replace("%", "%%"), ())
        return self.names[text]

    def times(self, statements, calls):
        run = [(f"EXECUTE {self.prepare(t)}" + (f"({', '.join(['%s'] * len(p))})" if p else ""), p) for t, p in statements]
        out = []
        for n in range(calls + 3):
            t = time.monotonic()
            self.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for text, params in run:
                self.cursor.execute(text, params)
                self.cursor.fetchall()
            self.cursor.execute("COMMIT")
            if n >= 3:
                out.append(time.monotonic() - t)
        return out


def raw(name):
    with open(os.path.join(HERE, f"raw_{name}.sql"), encoding="ascii") as f:
        return f.read()


def raw_seconds(direct, rpc, before, start, end, zone):
    """The best of two, the longest ones once: disks and caches differ more than statements do."""
    params = {"overview_sales": [before, start, end, zone, "UTC", "USD", "2"], "overview_visits": [before, start, end]}
    statements = [(raw(n), params.get(n, [start, end])) for n in RPCS[rpc]]
    best = None
    for _ in range(2):
        t = time.monotonic()
        for text, values in statements:
            used = max([int(n) for n in re.findall(r"\$(\d+)", text)], default=0)
            direct.cursor.execute(f"EXECUTE {direct.prepare(text)}({', '.join(['%s'] * used)})" if used
                                  else f"EXECUTE {direct.prepare(text)}", values[:used])
            direct.cursor.fetchall()
        seconds = time.monotonic() - t
        best = min(best or seconds, seconds)
        if seconds > 20:
            break
    return best


def late_events(at, n):
    """What changes every answer about a range that holds `at`."""
    when, order = {"timestamp": shop.rfc3339(at)}, {"order_id": f"late-{n}", "timestamp": shop.rfc3339(at)}
    items = [{"product_id": "p0", "sku": "sku0", "quantity": 1, "price": 5.99, "category": "category 0"}]
    visit = {**when, "session_id": f"late-{n}", "customer_id": f"late-{n}", "traffic_source": "late", "device_type": "late"}
    kinds = {
        "analytics.page_view": {**visit, "page_url": "/late"}, "product.viewed": {**visit, "product_id": "p0"},
        "orders.order.status_changed": {**visit, **order, "new_status": "CONFIRMED", "total_amount": 5.99, "items": items},
        "customer.registered": {**visit}, "payment.payment.processed": {**order, "payment_id": f"late-{n}", "amount": 5.99},
        "payment.payment.refunded": {**order, "payment_id": f"late-r{n}", "amount": 1},
        "orders.return.requested": {**order, "return_id": f"late-{n}"},
        "shipping.shipment.status_changed": {**order, "shipment_id": f"late-{n}", "new_status": "DELIVERED", "carrier_name": "late"},
        "fulfillments.fulfillment.status_changed": {**order, "fulfillment_id": f"late-{n}", "new_status": "COMPLETED",
                                                    "warehouse_id": "w0"},
        "marketing.spend.recorded": {**when, "campaign": "late", "amount": 7},
    }
    return [shop.cloud_event(kind, {"event_id": f"late-{kind}-{n}", **data}) for kind, data in kinds.items()]


def late(service, rounds, loaded=False):
    """Seconds from the acknowledgement until each answer has the events, when it was asked for and when it was there: the
    worst. loaded: others' events of the present change answers meanwhile, so only what they cannot change is looked at."""
    asker, worst, rpcs = Asker(service), {}, set(RPCS) - ({"GetRealTimeMetrics"} if loaded else set())
    today = dt.datetime.now(UTC).date()
    fields = {"start_date": str(today - dt.timedelta(days=30)), "end_date": str(today - dt.timedelta(days=1))} if loaded else {
        "date_range": "30d"}

    def shown(rpc):
        got = asker.answer(rpc, fields)
        if loaded and rpc == "GetCustomerAnalyticsSummary":  # the rest is of all time
            return protos.method(SERVICE + rpc)[1].FromString(got).metrics.active_customers
        return got

    for n in range(rounds):
        n += 100 * loaded
        now = dt.datetime.now(UTC)
        # what the present shows is of today, the rest is 20 days old
        sent = late_events(now - dt.timedelta(days=20, minutes=n), n) + [
            shop.purchase(order_id=f"now-{n}", timestamp=shop.rfc3339(now))]
        before = {rpc: shown(rpc) for rpc in rpcs}
        got = service.publish(sent)
        assert got.accepted == len(sent), got
        acked = time.monotonic()

        def ask(waiting):
            """In turns, until each has it."""
            while waiting and time.monotonic() - acked < 60:
                for rpc in sorted(waiting):
                    asked = time.monotonic()
                    if shown(rpc) != before[rpc]:
                        waiting.discard(rpc)
                        worst[rpc] = max(worst.get(rpc, (0, 0)), (asked - acked, time.monotonic() - acked))
            assert not waiting, f"a minute after the event still without it: {waiting}"

        with concurrent.futures.ThreadPoolExecutor(2) as pool:  # the slowest does not hold the others up
            list(pool.map(ask, [rpcs & {"GetCustomerAnalyticsSummary"}, rpcs - {"GetCustomerAnalyticsSummary"}]))
    return worst


@contextlib.contextmanager
def full_load(bench, service, server, db):
    """Four clients that store events by 500 without a pause, until it is left."""
    with open(os.path.join(server.data, "postmaster.pid"), encoding="ascii") as f:
        postmaster = int(f.readline())
    clients = subprocess.Popen(
        [os.path.join(bench, "bench_projector"), f"--port={service.grpc_port}", f"--pid={service.process.pid}",
         f"--pg-pid={postmaster}", f"--db=host=127.0.0.1 port={server.port} dbname={db.name} user={ROLE}", "--seconds=60"])
    try:
        time.sleep(5)
        yield
        assert clients.poll() is None, "the load ended before what was measured under it"
        clients.wait(300)
    finally:
        clients.kill()


def say_late(name, seconds):
    say(f"\nseconds from a late event's acknowledgement {name}, until an answer with it was asked for, and was there:")
    for rpc, (asked, there) in seconds.items():
        say(f"{rpc:46}{asked:8.2f}{there:8.2f}")


def targets(table):
    over, funnel = table["GetDashboardOverview", "30d"], table["GetConversionFunnel", "30d"]

    def verdict(what, value, unit, good, target):
        say(f"RATIO {what}: {value:.1f} {unit} (target {target}){'' if good else '  MISSED'}")

    more = (quantile(over["rpc"], 0.95) - quantile(over["sql"], 0.95)) * 1000
    verdict("30-day overview, p95 beyond PostgreSQL's own time", more, "ms", more <= 20, "at most 20")
    times = over["raw"] / quantile(over["rpc"], 0.95)
    verdict("30-day overview, p95, against raw rows", times, "times", times >= 200, "at least 200")
    times = funnel["raw"] / quantile(funnel["rpc"], 0.95)
    verdict("30-day funnel, p95, against raw rows", times, "times", times >= 50, "at least 50")


def measure(service, db, server, calls):
    asker, direct, table = Asker(service), Direct(db), {}
    say(f"\n{'':46}   RPC, ms          statements, ms    raw rows   raw / RPC\n{'':46}{'p50':>8} {'p95':>8} {'p50':>8} {'p95':>8}"
        f" {'s':>10} {'p95':>11}")
    for rpc in RPCS:
        for name, fields in RANGES.items():
            if rpc == "GetRealTimeMetrics" and "date_range" in fields and name not in ("today", "30d +05:45"):
                continue
            row = table[rpc, name] = {}
            statements = captured(db, server, lambda: asker.answer(rpc, fields))
            row["rpc"] = asker.times(rpc, fields, calls)
            row["sql"] = direct.times(statements, calls)
            if name != "30d +05:45":
                row["raw"] = raw_seconds(direct, rpc, *bounds(db, fields), "UTC")
            say(f"{rpc:30}{name:16}{ms(row['rpc'])} {ms(row['sql'])} " + (
                f"{row['raw']:10.2f} {row['raw'] / quantile(row['rpc'], 0.95):11.0f}" if "raw" in row else ""))
    for by in ("device", "source"):
        row = {"rpc": asker.times("GetConversionFunnel", {"date_range": "30d", "segment_by": by}, calls)}
        say(f"{'GetConversionFunnel':30}{'30d by ' + by:16}{ms(row['rpc'])}")
    return table


def bounds(db, fields):
    days = {"today": 1, "30d": 30, "90d": 90}[fields["date_range"]]
    end = db.value("SELECT date_trunc('day', now(), 'UTC') + interval '1 day'")
    return end - dt.timedelta(days=2 * days), end - dt.timedelta(days=days), end


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--calls", type=int, default=60, help="0: only how late events show")
    parser.add_argument("--bench", help="the folder with bench_projector, for late events at full ingest load")
    args = parser.parse_args()
    server = start_postgres()
    service = None
    try:
        db = server.database()
        with took("filled"):
            stored = fill(db, args.events, args.days)
        say(f"{stored} events over {args.days} days")
        service = Service(db, retention_days=args.days + 60, query_timeout_ms=600000, db_statement_timeout_ms=600000)
        t = time.monotonic()
        service.start()
        wait_until(lambda: db.value("SELECT count(*) FROM projection_marks") == 0, "all is projected", 7200)
        say(f"projected: {time.monotonic() - t:.1f} s, {stored / (time.monotonic() - t):.0f} events a second")
        with took("vacuumed"):
            db.execute("VACUUM ANALYZE")
        db.execute("CREATE INDEX ON analytics_events (order_id, created_at) WHERE event_type = 'purchase'")  # the raw overview's
        table = measure(service, db, server, args.calls) if args.calls else None
        say_late("(worst of 5)", late(service, 5))
        if args.bench:
            with full_load(args.bench, service, server, db):
                say_late("at full ingest load", late(service, 2, loaded=True))
        say("")
        if table:
            targets(table)
        sizes = db.rows("""SELECT c.relname, pg_total_relation_size(c.oid) / 1e6 AS mb FROM pg_class c
                           WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 12""")
        say("MB: " + ", ".join(f"{r['relname']} {r['mb']:.0f}" for r in sizes))
        service.stop()
        service = None
    finally:
        if service:
            service.kill()
        server.destroy()


if __name__ == "__main__":
    main()
