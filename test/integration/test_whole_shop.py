"""A shop played at the front door, by each of two disorders: backwards; and at random, every event twice, through three
services that are killed in turn. Both must hold what was told and answer by the definitions, and so all alike: at first
without exchange rates, then with them, then rebuilt. Its days lie around both changes of the clocks of New York and in
the last week. WHOLE_SHOP_EVENTS and WHOLE_SHOP_CASES (questions after each step) make it larger, WHOLE_SHOP_SEED another one."""
import datetime as dt
import http.client
import itertools
import os
import queue
import random
import threading

import grpc
import pytest

import answers_truth
import random_shop
from answers_truth import DECIMALS, UTC, D, half_up
from fixture import events as shop
from fixture.wait import wait_until
from projection_truth import KEYS
from test_answers_agree import ask, check_case, close
from test_projector import MadeUpShop, check, publish
from test_rebuild import rebuild

EVENTS = int(os.environ.get("WHOLE_SHOP_EVENTS", "500"))
CASES = int(os.environ.get("WHOLE_SHOP_CASES", "4"))
SEED = int(os.environ.get("WHOLE_SHOP_SEED", "1"))
CLIENTS = 6
PATHS = ["dashboard/overview", "revenue", "orders", "products/performance", "returns", "shipping", "fulfillment", "payments",
         "marketing", "inventory", "customers/summary"]  # fmt: skip
RANGES = [("2025-03-01", "2025-03-15"), ("2025-03-09", "2025-03-09"), ("2025-11-02", "2025-11-02"), ("2025-10-28", "2025-11-08")]
ORDER = "orders.order.status_changed"
TYPES = {
    "analytics.page_view": "page_view", "product.viewed": "product_view", "cart.item_added": "add_to_cart",
    "cart.item_removed": "remove_from_cart", "checkout.started": "checkout", "customer.registered": "customer_registered",
    "customer.logged_in": "customer_login", "promotion.usage.recorded": "promotion_used",
    "marketing.spend.recorded": "marketing_spend", "fulfillments.fulfillment.sla_breach": "fulfillment_sla_breach",
    "warehouse.inventory.stock_changed": "stock_changed",
}  # fmt: skip
OF_STATUS = {"PENDING": "order_created", "CREATED": "order_created", "CONFIRMED": "purchase", "PAID": "purchase",
             "CANCELLED": "order_cancelled"}  # fmt: skip


class Shop(MadeUpShop):
    """Around the days on which New York changes its clocks, and of late."""

    def moment(self):
        center = self.r.choice([dt.datetime(2025, 3, 9, 7, tzinfo=UTC), dt.datetime(2025, 11, 2, 6, tzinfo=UTC), None])
        if not center:
            return super().moment()
        return center + dt.timedelta(minutes=15 * self.r.randrange(-300, 300))

    def pick(self, letter, n):
        names = {"cat": random_shop.CATEGORIES[:3], "b": random_shop.BRANDS[:2]}.get(letter)
        return self.r.choice(names) if names else super().pick(letter, 3 * n if letter == "o" else n)

    def event(self):
        """Many are of orders."""
        told, more = super().event(), self.r.random() < 0.35
        while more and told["type"] != ORDER:
            told = super().event()
        return told


def event_type(topic, status):
    if topic == ORDER:
        return OF_STATUS.get(status, "order_status_changed")
    return TYPES.get(topic) or "_".join(topic.split(".")[1:])  # payment.payment.failed: payment_failed


def row(event):
    """What is to be stored of an event, as far as figures need it."""
    data = event["data"]
    decimals = DECIMALS[data.get("currency", "USD")]
    money = lambda x: None if x is None else half_up(D(str(x)), decimals)  # noqa: E731
    status = data.get("new_status")
    priced = {"amount", "total_amount", "discount_amount"} & data.keys()
    return {
        "event_id": data["event_id"], "created_at": dt.datetime.fromisoformat(data["timestamp"].replace("Z", "+00:00")),
        "event_type": event_type(event["type"], status), "status": status,
        "currency": data.get("currency", "USD" if priced else None), "amount": money(data.get("total_amount", data.get("amount"))),
        **{k: data.get(k) for k in ("order_id", "customer_id", "session_id", "product_id")},
        "items": [{**i, **{k: money(i[k]) for k in ("price", "cost") if k in i}} for i in data.get("items") or []],
    }  # fmt: skip


def stored(r):
    exact = lambda i: {**i, **{k: D(str(i[k])) for k in ("price", "cost", "quantity") if k in i}}  # noqa: E731
    return {**r, "items": [exact(i) for i in r["items"] or []]}


def answers_truth_of(rows, rates, zone):
    return answers_truth.Truth([
        answers_truth.Event(
            r["created_at"], r["received_at"], str(r["event_key"]), r["event_type"], r["session_id"], r["customer_id"],
            r["order_id"], r["product_id"], r["amount"], r["currency"], r["status"], r["items"], r["properties"])
        for r in map(stored, rows)
    ], rates, zone)  # fmt: skip


class Played:
    """One database, told the events in one disorder."""

    def __init__(self, db, services, zone, events):
        self.db, self.services, self.zone = db, services, zone
        self.told = {e["data"]["event_id"]: row(e) for e in events}

    def check(self, rnd):
        """Everything by its definition; returns what all questions are answered."""
        t = check(self.db, zone=self.zone)
        have = {r["event_id"]: {k: stored(r)[k] for k in self.told[r["event_id"]]} for r in t.events}
        assert len(t.events) == len(have) == len(self.told)
        assert [(have[i], r) for i, r in self.told.items() if have[i] != r][:3] == []
        truth, met = answers_truth_of(t.events, t.rates, self.zone), 0
        for n in range(CASES):
            service, local = self.services[n % len(self.services)], rnd.choice([*random_shop.ZONES, None, None])
            met += check_case(service, truth, rnd, local, self.zone, dt.datetime.now(UTC)).imag
        return self.answers(), met

    def answers(self):
        found = {}
        for (path, (lo, hi)), service in zip(itertools.product(PATHS, RANGES), itertools.cycle(self.services)):
            for local in (None, "America/New_York"):
                asked = {"startDate": lo, "endDate": hi, **({"timeZone": local} if local else {})}
                found[path, lo, hi, local] = ask(service, path, **asked)
                found[path, lo, hi, local].pop("dataAsOf")
        return found


def same(answers, others):
    """But for the last bits of rates, which are sums of floats in the order of the rows."""
    assert {q: (answers[q], others[q]) for q in answers if answers[q] != close(others[q])} == {}


def send(service, batch, over_http):
    """Whether the batch was acknowledged."""
    try:
        if not over_http:
            assert not service.publish(batch, timeout=20).rejected
            return True
        a = service.http("POST", "/events", batch, "application/cloudevents-batch+json", timeout=20)
    except (OSError, http.client.HTTPException):
        return False
    except grpc.RpcError as e:
        assert e.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                            grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED), e  # fmt: skip
        return False
    assert a.status != 200 or {x["status"] for x in a.json["results"]} <= {"stored", "duplicate"}, a
    return a.status == 200


def through_kills(services, batches, rnd):
    """Sends all, each to any service until it is acknowledged, while each service is killed and started again."""
    work, acknowledged, failures = queue.Queue(), [], []
    for batch in batches:
        work.put(batch)

    def client(rnd):
        try:
            while True:
                batch = work.get_nowait()
                while not send(rnd.choice(services), batch, rnd.random() < 0.5) and not failures:
                    threading.Event().wait(0.02)
                acknowledged.append(len(batch))
        except queue.Empty:
            pass
        except Exception as e:  # noqa: BLE001: every failure of a client is the test's
            failures.append(repr(e))

    clients = [threading.Thread(target=client, args=(random.Random(rnd.random()),), daemon=True) for _ in range(CLIENTS)]
    for c in clients:
        c.start()
    for n, service in enumerate(services, 1):
        goal = len(batches) * n // (len(services) + 1)
        wait_until(lambda goal=goal: failures or len(acknowledged) >= goal, f"{goal} acknowledgements")
        service.kill()
        service.start(wait_for=None)
    for c in clients:
        c.join(120)
    assert not failures and len(acknowledged) == len(batches), failures
    for service in services:
        service.wait_for("ready")


def open_both(postgres, db, launch, zone):
    """(database, its services): with one service, and with three."""
    other = postgres.database()
    settings = {"business_timezone": zone, "retention_days": 3000}
    return (db, [launch(db, **settings)]), (other, [launch(other, **settings) for _ in range(3)])


@pytest.mark.parametrize("seed, zone", [(SEED, "Asia/Kathmandu"), (SEED + 1, "America/New_York")])
def test_every_disorder_ends_in_the_answers_of_the_definitions(postgres, db, launch, seed, zone):
    rnd, events = random.Random(seed), Shop(seed).events(EVENTS)
    (one, alone), (other, three) = open_both(postgres, db, launch, zone)
    by_time = sorted(events, key=lambda e: e["data"]["timestamp"], reverse=True)
    publish(alone[0], by_time, 50)
    copies = events + [shop.again(e) for e in events]
    rnd.shuffle(copies)
    through_kills(three, [copies[i : i + 8] for i in range(0, len(copies), 8)], rnd)
    both = [Played(one, alone, zone, events), Played(other, three, zone, events)]
    days = sorted({row(e)["created_at"].date() + dt.timedelta(n) for e in events for n in (-1, 0, 1)})
    rates = {(day, c): rnd.choice([D("1.5"), D("0.0065"), D("1.105")]) for day in days for c in ("EUR", "JPY")
             if rnd.random() < 0.8}  # fmt: skip

    with_sales = []

    def agree():
        (a, met), (b, met_too) = (p.check(rnd) for p in both)
        same(a, b)
        with_sales.append(met + met_too)
        return a

    without = agree()
    assert all(one.value(f"SELECT count(*) FROM {table}") for table in KEYS)
    for (day, currency), rate in rates.items():
        for p in both:
            random_shop.set_rate(p.db, day, currency, rate)
    corrected = agree()
    before, after = (a["revenue", *RANGES[0], None]["summary"] for a in (without, corrected))
    assert before["totalRevenue"] < after["totalRevenue"]
    for p in both:
        rebuild(p.services[0])
    same(agree(), corrected)
    assert sum(with_sales) > CASES  # of six times as many: the questions meet the data
