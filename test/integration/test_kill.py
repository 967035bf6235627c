"""Exactly once through kills: each delivery three times, in parallel, events of every type, good and
bad, over every way in at once, while workers, the whole service and PostgreSQL are killed at random;
the client repeats what was not acknowledged, as the bus does. KILL_TEST_DELIVERIES, KILL_TEST_KILLS and KILL_TEST_SEED make it longer or another
one."""
import collections
import contextlib
import http.client
import os
import queue
import random
import signal
import threading
import time

import grpc

from fixture import dapr
from fixture import events as shop
from fixture.schemas import event_of, published, required
from fixture.wait import wait_until

DELIVERIES = int(os.environ.get("KILL_TEST_DELIVERIES", "300"))
KILLS = int(os.environ.get("KILL_TEST_KILLS", "6"))
SEED = int(os.environ.get("KILL_TEST_SEED", str(random.randrange(1 << 32))))
CLIENTS = 12
GIVE_UP_S = 60 + 10 * KILLS
ANSWERS = {True: ("stored", "duplicate", "success"), False: ("rejected", "success")}


class Clients:
    """Threads that take chunks of events from a queue and repeat each until every event of it is
    acknowledged."""

    def __init__(self, service, chunks, seed):
        self.service, self.chunks, self.failures = service, queue.Queue(), []
        for c in chunks:
            self.chunks.put(c)
        self.acked = collections.Counter()  # event id -> acknowledgements
        self.stored = collections.Counter()  # event id -> answers that said "stored"
        self.refused = self.sent = 0
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(random.Random(seed + i), i), daemon=True)
            for i in range(CLIENTS)
        ]
        for t in self.threads:
            t.start()

    def acknowledgements(self):
        with self.lock:
            return sum(self.acked.values())

    def _run(self, rnd, n):
        channel = self.service.channel() if n % 2 else None
        try:
            while not self.stopped.is_set():
                try:
                    left = self.chunks.get_nowait()
                except queue.Empty:
                    return
                while left and not self.stopped.is_set():
                    send = rnd.choice(
                        [self._grpc, self._topic_event, self._topic_events]
                        if channel
                        else [self._single, self._bulk, self._batch]
                    )
                    left = self._settle(left, send(left, channel))
                    if left:
                        self.stopped.wait(0.02)  # what a client would do before it tries again
        except Exception as e:  # noqa: BLE001: every failure of a client is the test's
            self.failures.append(repr(e))

    def _settle(self, events, results):
        """results: one of stored, duplicate, rejected, success (the bus is told no more over
        gRPC), None (not acknowledged) an event."""
        with self.lock:
            for event, result in zip(events, results):
                i = shop.event_id(event)
                if result is None:
                    self.refused += 1
                elif result in ANSWERS[event["good"]]:
                    self.acked[i] += 1
                    self.stored[i] += result == "stored"
                else:
                    self.failures.append(f"{i} was answered {result}")
        return [e for e, r in zip(events, results) if r is None]

    def _call(self, call):
        """None when it is to be repeated."""
        try:
            return call()
        except grpc.RpcError as e:
            if e.code() not in (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.CANCELLED,
            ):
                self.failures.append(f"{e.code()} {e.details()}")

    def _grpc(self, events, channel):
        r = self._call(lambda: self.service.publish(events, channel, timeout=20))
        if r is None:
            return [None] * len(events)
        results = ["stored"] * len(events)
        for x in r.results:
            results[x.index] = x.status
        return results

    def _topic_event(self, events, channel):
        status = self._call(lambda: dapr.topic_event(self.service, events[0], channel=channel))
        return ["success" if status == dapr.SUCCESS else None] + [None] * (len(events) - 1)

    def _topic_events(self, events, channel):
        method = "AppCallback/OnBulkTopicEvent"
        statuses = self._call(lambda: dapr.bulk(self.service, events, method, channel=channel))
        return [
            "success" if s == dapr.SUCCESS else None
            for _, s in statuses or [(None, dapr.RETRY)] * len(events)
        ]

    def _http(self, path, body, content_type):
        try:
            return self.service.http("POST", path, body, content_type, timeout=20)
        except (OSError, http.client.HTTPException):
            return None

    @staticmethod
    def _result(answer):
        """Of the bus's answer to one event."""
        return None if answer["status"] == "RETRY" else answer["result"]

    def _single(self, events, _):
        a = self._http("/events/orders", events[0], "application/cloudevents+json")
        return [self._result(a.json) if a and a.status == 200 else None] + [None] * (
            len(events) - 1
        )

    def _bulk(self, events, _):
        entries = [
            {"entryId": str(i), "event": e, "contentType": "application/cloudevents+json"}
            for i, e in enumerate(events)
        ]
        a = self._http(
            "/events/orders",
            {"id": "b", "entries": entries, "topic": events[0]["type"]},
            "application/json",
        )
        if not a or a.status != 200:
            return [None] * len(events)
        if "statuses" not in a.json:
            return [None] * len(events)
        by_id = {s["entryId"]: s for s in a.json["statuses"]}
        return [self._result(by_id[str(i)]) for i in range(len(events))]

    def _batch(self, events, _):
        a = self._http("/events", events, "application/cloudevents-batch+json")
        if not a or a.status != 200:
            return [None] * len(events)
        results = ["stored"] * len(events)
        for x in a.json["results"]:
            results[x["index"]] = x["status"]
        return results


class Reaper:
    def __init__(self, service, server, rnd):
        self.service, self.server, self.rnd, self.done = service, server, rnd, collections.Counter()

    def strike(self, kind):
        self.done[kind] += 1
        getattr(self, kind)()

    def worker(self):
        pids = self.service.workers()
        if pids:  # all may just be starting
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.rnd.choice(pids), signal.SIGKILL)

    def whole_service(self):
        self.service.kill()
        self.service.start(wait_for=None)

    def postgres(self):
        self.server.stop("immediate")
        self.server.start()

    def backend(self):
        """One of the service's connections dies, the server stays."""
        self.db.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND usename = 'analytics' "
            "ORDER BY random() LIMIT 1",
            self.db.name,
        )


def make_events(rnd, service):
    """Of every type in turn; one in eight lacks a field that it needs."""
    schemas = published(service)
    for n in range(DELIVERIES):
        event = event_of(*schemas[n % len(schemas)])
        event["good"] = bool(n % 8)
        if not event["good"]:
            needed = set(required(*schemas[n % len(schemas)][1:])) - {"schema_version"}
            del event["data"][rnd.choice(sorted(needed))]
        yield event


def chunks_of(rnd, events):
    copies = [shop.again(e) if rnd.random() < 0.5 else e for e in events for _ in range(3)]
    rnd.shuffle(copies)
    while copies:
        size = rnd.choice([1, 1, 2, 5, 10])
        yield copies[:size]
        copies = copies[size:]


def test_every_acknowledged_event_is_there_once(own_postgres, launch):
    rnd = random.Random(SEED)
    print(f"seed {SEED}")
    db = own_postgres.database()
    service = launch(db, workers=2)
    events = list(make_events(rnd, service))
    kinds = ["worker", "whole_service", "postgres", "backend"]
    strikes = (kinds * (KILLS // len(kinds) + 1))[: max(KILLS, 3)]
    rnd.shuffle(strikes)
    reaper = Reaper(service, own_postgres, rnd)
    reaper.db = db
    clients = Clients(service, list(chunks_of(rnd, events)), SEED)
    end = time.monotonic() + GIVE_UP_S
    try:
        for n, kind in enumerate(strikes):  # spread over the run by progress, not by time
            goal = 3 * DELIVERIES * n // len(strikes)
            wait_until(
                lambda goal=goal: clients.failures or clients.acknowledgements() >= goal,
                f"{goal} acknowledgements, seed {SEED}",
                GIVE_UP_S,
            )
            reaper.strike(kind)
        for t in clients.threads:
            t.join(max(0, end - time.monotonic()))
        assert not [
            t for t in clients.threads if t.is_alive()
        ], f"not all acknowledged within {GIVE_UP_S} s, seed {SEED}"
    finally:
        clients.stopped.set()
        for t in clients.threads:
            t.join(30)
    assert clients.failures == []
    print(
        f"{sum(clients.acked.values())} acknowledged, {clients.refused} to repeat, "
        f"{dict(reaper.done)}"
    )
    assert {i: n for i, n in clients.acked.items() if n != 3} == {} and len(
        clients.acked
    ) == DELIVERIES
    service.wait_for("ready")
    good, bad = (
        sorted(shop.event_id(e) for e in events if e["good"] is wanted) for wanted in (True, False)
    )
    assert sorted(r["event_id"] for r in db.events()) == good
    twice = [i for i, n in clients.stored.items() if n > 1]
    assert twice == [], "an event was said to be new more than once"
    assert db.value("SELECT count(*) FROM processed_events") == len(good)
    letters = db.letters()
    assert sorted(r["event_id"] for r in letters) == bad
    assert {r["error_code"] for r in letters} == {"MISSING_FIELD"}
    assert all(r["deliveries"] >= 3 for r in letters), "each came three times at least"
