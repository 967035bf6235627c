"""Several workers are one service: any answers for all, and one that dies is replaced."""
import concurrent.futures
import contextlib
import http.client
import os
import signal

import pytest

from fixture import events as shop
from fixture.service import tally
from fixture.wait import wait_until


def publish_over_many_connections(service, n):
    for _ in range(n):
        channel = service.channel()
        assert tally(service.publish([shop.page_view()], channel)) == (1, 0, 0)
        channel.close()
        assert service.deliver(shop.page_view())["result"] == "stored"


def test_metrics_from_any_sum_to_the_same(launch, db):
    service = launch(db, workers=3)
    assert len(service.workers()) == 3
    publish_over_many_connections(service, 30)
    for _ in range(30):
        assert service.metric("events_total", type="page_view", result="stored") == 60
        assert service.metric("events_received_total") == 60
    assert db.value("SELECT count(*) FROM analytics_events") == 60


def test_a_killed_worker_is_replaced(launch, db):
    service = launch(db, workers=3)
    publish_over_many_connections(service, 10)
    before = set(service.workers())
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: len(service.workers()) == 3 and victim not in service.workers(),
        "three workers again",
    )
    assert before - {victim} <= set(service.workers()), "the others went on"
    service.wait_for("ready")
    wait_until(lambda: service.metric("worker_restarts_total") == 1, "the restart is counted")
    assert service.metric("events_total", result="stored") == 20, "counters go on"
    service.wait_for_all()
    publish_over_many_connections(service, 10)
    assert db.value("SELECT count(*) FROM analytics_events") == 40


@pytest.mark.parametrize("workers,ceiling", [(1, 3), (2, 7)])
def test_connections_stay_below_their_common_ceiling(launch, db, workers, ceiling):
    service = launch(db, workers=workers, db_max_open_conns=ceiling, wait_for="live")
    service.wait_for("ready")
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(8) as many:
        asked = [
            many.submit(service.http, "GET", "/api/v1/analytics/dashboard/overview")
            for _ in range(40)
        ] + [many.submit(service.deliver, shop.page_view()) for _ in range(40)]
        while not all(a.done() for a in asked):
            seen.add(db.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                              " AND usename = 'analytics'"))
    assert {a.result()["result"] for a in asked[40:]} == {"stored"}
    assert max(seen) <= ceiling, seen


def test_a_worker_on_its_way_up_refuses_nobody(launch, db):
    service = launch(db, workers=2)
    answers = set()

    def all_ready():
        with contextlib.suppress(OSError, http.client.HTTPException):
            answers.add(service.deliver(shop.page_view()).get("result"))
            return service.metric("db_connections", state="ready") >= 4

    for _ in range(3):
        os.kill(min(service.workers()), signal.SIGKILL)
        wait_until(lambda: len(service.workers()) == 2, "two workers again")
        for _ in range(40):
            all_ready()
    wait_until(all_ready, "both are ready")
    assert answers == {"stored"}


def test_workers_go_with_their_supervisor(launch, db):
    service = launch(db, workers=2)
    workers = service.workers()
    service.process.kill()
    service.process.wait(60)
    wait_until(lambda: not [p for p in workers if alive(p)], "the workers end too")
    service.process = None


def alive(pid):
    """Running, as opposed to gone or waiting to be collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_kill_of_all_workers_at_once(launch, db):
    service = launch(db, workers=2)
    old = service.workers()
    for p in old:
        os.kill(p, signal.SIGKILL)
    wait_until(lambda: len(set(service.workers()) - set(old)) == 2, "two new workers")
    service.wait_for("ready")
    wait_until(lambda: service.deliver(shop.page_view()).get("result") == "stored", "stored")
    assert os.getpgid(service.process.pid) == service.process.pid
