#!/usr/bin/python3
"""How long calls take while PostgreSQL is away: the first ones, which open the breaker, and those
that follow until its probe. Once with PostgreSQL killed, once with one that takes connections and
stays silent.
Usage: ANALYTICSD=DIR/analyticsd /usr/bin/python3 test/bench/breaker.py [CALLS]"""
import collections
import os
import shutil
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import grpc  # noqa: E402
from fixture import events as shop  # noqa: E402
from fixture.ports import free_port  # noqa: E402
from fixture.postgres import Postgres  # noqa: E402
from fixture.proxy import Proxy  # noqa: E402
from fixture.service import Service, binary  # noqa: E402

OPEN = 2


def timed(call):
    """(milliseconds, what it answered)"""
    begin = time.monotonic()
    try:
        call()
        answer = "OK"
    except grpc.RpcError as e:
        answer = e.code().name
    return (time.monotonic() - begin) * 1e3, answer


def over_http(service, event):
    answer = service.deliver(event)
    assert answer == {"status": "RETRY"}, answer


def line(name, ms):
    cuts = statistics.quantiles(ms, n=1000)
    print(
        f"  {name}: {len(ms)} calls, p50 {cuts[499]:.2f} ms, p99 {cuts[989]:.2f} ms, "
        f"p99.9 {cuts[998]:.2f} ms, max {max(ms):.2f} ms"
    )


def measure(name, service, calls):
    event, first = shop.page_view(), []
    print(f"{name}:")
    while service.metric("db_breaker_state") != OPEN:
        first.append(timed(lambda: service.publish([event], timeout=60)))
    slow = ", ".join(f"{ms:.0f}" for ms, _ in sorted(first, reverse=True)[:5])
    print(
        f"  until the breaker is open: {len(first)} calls, "
        f"{dict(collections.Counter(a for _, a in first))}, the slowest after {slow} ms"
    )
    answers = [timed(lambda: service.publish([event], timeout=60)) for _ in range(calls)]
    line("PublishEvents, open", [ms for ms, _ in answers])
    print(f"  answers: {dict(collections.Counter(a for _, a in answers))}")
    line("POST /events/*, open", [timed(lambda: over_http(service, event))[0] for _ in range(calls)])
    live = [timed(lambda: service.http("GET", "/health/live"))[0] for _ in range(calls)]
    line("GET /health/live beside it, for the machine's own noise", live)
    assert service.metric("db_breaker_state") == OPEN


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    server = Postgres().create(binary())
    relay = Proxy(free_port(), server.port)
    settings = {"breaker_open_ms": 600_000, "db_statement_timeout_ms": 1000, "workers": 1}
    services = []
    try:
        for port in (relay.port, server.port):
            services.append(Service(server.database(), **settings, db_port=port).start())
            services[-1].publish([shop.page_view()])
        relay.stall()
        measure("PostgreSQL silent (statement timeout 1 s)", services[0], calls)
        server.stop("immediate")
        measure("PostgreSQL killed", services[1], calls)
    finally:
        for s in services:
            s.kill()
            shutil.rmtree(s.dir)
        relay.close()
        server.destroy()


main()
