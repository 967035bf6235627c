"""A real sidecar with a real Redis in front of the service: everything published is stored once,
over both app protocols, in bulk and event by event, also when PostgreSQL is away for a while in the
middle; then nothing may land on a dead-letter topic or in the dead-letter table, but for poison,
and that once. Longer by hand: DAPRD_TEST_EVENTS=5000 DAPRD_TEST_OUTAGE_S=90.

The sidecar cannot be had by `go install`, its module replaces others. In an empty folder:
    go mod init sidecar && go get github.com/dapr/dapr/cmd/daprd@v1.16.0
    go build -mod=mod -tags stablecomponents -o daprd github.com/dapr/dapr/cmd/daprd"""
import os
import random
import threading
import time

import pytest

from fixture import daprd
from fixture import events as shop
from fixture.wait import wait_until

EVENTS = int(os.environ.get("DAPRD_TEST_EVENTS", "300"))
OUTAGE_S = float(os.environ.get("DAPRD_TEST_OUTAGE_S", "4"))
MAKERS = [shop.page_view, shop.purchase, shop.product_view, shop.add_to_cart, shop.checkout]

pytestmark = pytest.mark.skipif(
    bool(daprd.missing()), reason=f"not there: {daprd.missing()}: no test with a real sidecar"
)


def by_topic(events):
    return {t: [e for e in events if e["type"] == t] for t in {e["type"] for e in events}}


def poison():
    return [
        shop.page_view(session_id=None),
        shop.purchase(total_amount="12.50"),
        {**shop.page_view(), "type": "no.such.type"},
    ]


def publish_all(bus, events):
    for topic, of_topic in by_topic(events).items():
        bus.publish(topic, of_topic)


def stored(db):
    return db.value("SELECT count(*) FROM analytics_events")


@pytest.mark.parametrize("mode", ["bulk", "single"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_everything_published_is_stored_once(own_postgres, launch, ending, protocol, mode):
    db = own_postgres.database()
    service = launch(db, workers=2)
    relay = {"http": daprd.HttpRelay, "grpc": daprd.GrpcRelay}[protocol](service)
    ending[1].append(relay.close)
    port = relay.port if mode == "single" else getattr(service, f"{protocol}_port")
    bus = daprd.Bus(port, protocol)
    ending[1].insert(0, bus.close)

    events = [random.choice(MAKERS)() for _ in range(EVENTS)]
    bad = poison()
    half = len(events) // 2
    publish_all(bus, events[:half])
    for e in bad:
        topic = e["topic"]
        bus.publish_one(topic, e)
        bus.publish_one(topic, e)
    wait_until(lambda: stored(db) > 0, "the first are stored")

    own_postgres.stop("immediate")
    publisher = threading.Thread(target=publish_all, args=(bus, events[half:]))
    publisher.start()
    time.sleep(OUTAGE_S)  # is what is tested: the bus tries again and again meanwhile
    own_postgres.start()
    publisher.join()

    wait_until(lambda: stored(db) >= len(events), "all are stored", 120 + OUTAGE_S)
    wait_until(lambda: len(db.letters()) == len(bad), "poison is put away")
    ids = [r["event_id"] for r in db.rows("SELECT event_id FROM analytics_events")]
    assert sorted(ids) == sorted(shop.event_id(e) for e in events)
    assert {r["trace_id"] for r in db.events()} != {None}, "the bus's trace reaches the row"
    letters = db.letters()
    assert sorted(r["event_id"] for r in letters) == sorted(shop.event_id(e) for e in bad)
    assert bus.dead_lettered() == {}, bus.daprd.said()[-2000:]
    if mode == "single":
        assert relay.bulks == 0
    assert service.metric("conservation_gap") == 0
