"""Every projection holds what the stored events say, whatever the order in which they came."""
import contextlib
import datetime as dt
import decimal
import random
import threading

import pytest

from fixture import events as shop
from fixture.wait import wait_until
from projection_truth import KEYS, Truth, wrong

UTC = dt.timezone.utc
STATUSES = ["PENDING", "CREATED", "CONFIRMED", "PAID", "SHIPPED", "DELIVERED", "CANCELLED"]


class MadeUpShop:
    """Few of everything and times on a coarse grid, so that events meet."""

    def __init__(self, seed, days=4):
        self.r = random.Random(seed)
        self.end = dt.datetime.now(UTC).replace(microsecond=0) - dt.timedelta(minutes=5)
        self.days = days

    def moment(self):
        t = self.end - dt.timedelta(seconds=self.r.randrange(self.days * 86400))
        return t.replace(minute=t.minute // 20 * 20, second=0)

    def pick(self, letter, n):
        return f"{letter}-{self.r.randrange(n)}"

    def maybe(self, **fields):
        return {k: v for k, v in fields.items() if self.r.random() < 0.6}

    def money(self):
        return self.r.randrange(1, 100000) / 100

    def items(self):
        return [{"product_id": self.pick("p", 6), "quantity": self.r.randrange(1, 5), "price": self.money(),
                 **self.maybe(cost=self.money(), category=self.pick("cat", 3), brand=self.pick("b", 2), sku=self.pick("sku", 6))}
                for _ in range(self.r.randrange(4))]

    def event(self):
        r, order = self.r, {"order_id": self.pick("o", 40)}
        person = self.maybe(customer_id=self.pick("c", 12), session_id=self.pick("s", 30),
                            device_type=self.pick("d", 3), traffic_source=self.pick("t", 3))
        product = {"product_id": self.pick("p", 6),
                   **self.maybe(sku=self.pick("sku", 6), category=self.pick("cat", 3), brand=self.pick("b", 2))}
        kinds = {
            "analytics.page_view": {"page_url": self.pick("/p", 9), **person, "session_id": self.pick("s", 30)},
            "product.viewed": {**person, **product},
            "cart.item_added": {**person, **product, "quantity": 1},
            "cart.item_removed": {**person, **product, "quantity": 1},
            "checkout.started": {**person, "cart_id": self.pick("cart", 9)},
            "orders.order.status_changed": {
                **order, **person, "new_status": r.choice(STATUSES), "total_amount": self.money(), "items": self.items(),
                **self.maybe(currency=r.choice(["USD", "EUR", "EUR", "JPY"]), customer_name="Jane Roe")},
            "payment.payment.processed": {**order, "payment_id": self.pick("pay", 50), "amount": self.money(),
                                          **self.maybe(payment_method="PAYPAL", currency="EUR")},
            "payment.payment.failed": {**order, "payment_id": self.pick("pay", 50), "amount": self.money(),
                                       "failure_reason": self.pick("why", 3)},
            "payment.payment.refunded": {**order, "payment_id": self.pick("pay", 50), "amount": self.money()},
            "shipping.shipment.status_changed": {
                **order, "shipment_id": self.pick("ship", 20), "new_status": r.choice(["IN_TRANSIT", "DELIVERED", "LOST"]),
                **self.maybe(carrier_name=self.pick("dhl", 3), promised_at=shop.rfc3339(self.moment()))},
            "customer.registered": {"customer_id": self.pick("c", 12)},
            "customer.logged_in": {"customer_id": self.pick("c", 12)},
            **{f"orders.return.{k}": {**order, "return_id": self.pick("ret", 15), **self.maybe(reason={"code": self.pick("why", 3)})}
               for k in ("requested", "approved", "rejected", "completed")},
            "fulfillments.fulfillment.status_changed": {
                **order, "fulfillment_id": self.pick("f", 20), "new_status": r.choice(["PICKED", "COMPLETED"]),
                **self.maybe(warehouse_id=self.pick("wh", 2))},
            "fulfillments.fulfillment.sla_breach": {**order, "fulfillment_id": self.pick("f", 20)},
            "warehouse.inventory.stock_changed": {
                "sku": self.pick("sku", 6), "warehouse_id": self.pick("wh", 2), "quantity": r.randrange(50),
                **self.maybe(product_id=self.pick("p", 6), minimum_stock=5, unit_cost=self.money(), reserved=3)},
            "catalog.product.created": {**product, "sku": self.pick("sku", 6), "name": self.pick("tent", 4)},
            "catalog.product.updated": {**product, "sku": self.pick("sku", 6), "name": self.pick("tent", 4)},
            "promotion.usage.recorded": {**order, "promotion_code": self.pick("code", 3), **self.maybe(discount_amount=self.money())},
            "marketing.spend.recorded": {"campaign": self.pick("m", 3), "amount": self.money(), **self.maybe(traffic_source="t-1")},
        }
        kind = r.choice([*kinds, *["orders.order.status_changed"] * 6])
        data = {"event_id": f"e-{r.getrandbits(64)}", "timestamp": shop.rfc3339(self.moment()), **kinds[kind]}
        return shop.cloud_event(kind, data)

    def events(self, n):
        return [self.event() for _ in range(n)]


def publish(service, events, batch=100):
    for i in range(0, len(events), batch):
        answer = service.publish(events[i : i + batch])
        assert not answer.rejected, answer


def all_projected(db):
    wait_until(lambda: not db.value("SELECT count(*) FROM projection_marks WHERE NOT set_aside")
               and not db.value("SELECT count(*) FROM stale_days"), "everything is projected")


def truth(db, **basis):
    rates = {(r["day"], r["currency"]): r["rate"] for r in db.rows("SELECT * FROM fx_rates")}
    return Truth(db.rows("SELECT * FROM analytics_events"), rates, **basis)


def check(db, **basis):
    all_projected(db)
    t = truth(db, **basis)
    assert wrong(db, t) == {}
    return t


@pytest.mark.parametrize("seed, zone", [(1, "UTC"), (2, "America/New_York"), (3, "Asia/Kathmandu")])
def test_events_in_any_order_and_twice(db, launch, seed, zone):
    service = launch(db, business_timezone=zone)
    events = MadeUpShop(seed).events(900)
    publish(service, events[:600] + events[300:600])
    all_projected(db)
    publish(service, events[500:], batch=7)     # a part of them again, and late ones, in small batches
    t = check(db, zone=zone)
    assert len(t.events) == len(events)
    assert all(db.value(f"SELECT count(*) FROM {table}") for table in KEYS)  # none was left out
    moved = {(r["sum"], r["wrong"]) for r in db.rows("SELECT * FROM make_sums(current_date - 9, current_date + 2)")}
    assert {n for _, n in moved} == {0}


def test_another_zone_and_currency_make_everything_again(db, launch):
    service = launch(db)
    publish(service, MadeUpShop(4).events(600))
    check(db)
    service.stop()
    db.execute("INSERT INTO fx_rates SELECT current_date - n, 'USD', 0.9 + n / 100.0 FROM generate_series(0, 3) AS n")
    basis = {"zone": "America/New_York", "currency": "EUR"}
    service = launch(db, business_timezone=basis["zone"], reporting_currency="EUR")
    wait_until(lambda: db.value("SELECT currency FROM reporting_basis") == "EUR", "the new basis holds")
    check(db, **basis)
    publish(service, MadeUpShop(5).events(300))
    check(db, **basis)


def test_a_rate_that_comes_later_corrects_its_day(db, service):
    publish(service, MadeUpShop(6).events(500))
    before = check(db)
    for rate in ("1.1", "1.25"):
        db.execute("INSERT INTO fx_rates SELECT current_date - n, 'EUR', %s FROM generate_series(0, 2) AS n "
                   "ON CONFLICT (day, currency) DO UPDATE SET rate = excluded.rate", rate)
        assert list(check(db).sales_days()) != list(before.sales_days())
    db.execute("DELETE FROM fx_rates")
    check(db)


def test_sums_are_put_right(db, service):
    publish(service, MadeUpShop(7).events(500))
    t = check(db)
    db.execute("UPDATE sales_days SET money = money + 1, customers = 0")
    db.execute("DELETE FROM category_days")
    db.execute("INSERT INTO sales_hours SELECT now(), 1, 1, 1")
    db.execute("UPDATE product_days SET units = 7, views = views + 1")
    db.execute("UPDATE customer_days SET previous_day = '-infinity', orders = 3")
    db.execute("UPDATE session_days SET reached3 = 0")
    db.execute("DELETE FROM event_quarters WHERE quarter < now() - interval '1 day'")
    assert set(wrong(db, t)) == {"sales_days", "category_days", "sales_hours", "product_days", "customer_days",
                                 "session_days", "event_quarters"}
    db.rows("SELECT * FROM make_sums(current_date - 9, current_date + 2)")
    db.rows("SELECT * FROM make_counts(current_date - 9, current_date + 1)")
    assert wrong(db, t) == {}


def test_one_bad_row_does_not_take_its_batch_with_it(db, service):
    publish(service, MadeUpShop(8).events(200))
    all_projected(db)
    db.execute("""
        WITH put AS (
            INSERT INTO analytics_events (created_at, received_at, event_key, event_type, event_id, event_source,
                                          schema_version, properties)
            SELECT now(), now(), gen_random_uuid(), 'stock_changed', n::text, 'test', 'v1', jsonb_build_object(
                       'sku', 'sku-1', 'warehouse_id', 'wh-1', 'quantity', CASE n WHEN 13 THEN 'many' ELSE n::text END)
            FROM generate_series(1, 40) AS n
            RETURNING tableoid, ctid, created_at
        )
        INSERT INTO projection_marks (part, row_ids, from_at, to_at)
        SELECT tableoid, array_agg(ctid), min(created_at), max(created_at) FROM put GROUP BY 1""")
    publish(service, MadeUpShop(9).events(200))
    wait_until(lambda: db.value("SELECT count(*) FROM projection_marks WHERE set_aside"), "the bad row is set aside")
    all_projected(db)
    bad = "event_type = 'stock_changed' AND properties ->> 'quantity' = 'many'"
    aside = db.rows("SELECT row_id FROM pending_rows()")
    assert aside == db.rows(f"SELECT ctid AS row_id FROM analytics_events WHERE {bad}")
    assert wrong(db, Truth(db.rows(f"SELECT * FROM analytics_events WHERE NOT ({bad})"))) == {}
    wait_until(lambda: service.metric("projection_marks_set_aside") == 1, "it is counted")


def test_a_session_without_end_is_capped(db, service):
    start = dt.datetime.now(UTC) - dt.timedelta(hours=5)
    views = [shop.page_view(session_id="bot", timestamp=shop.rfc3339(start + dt.timedelta(seconds=n))) for n in range(10500)]
    random.Random(1).shuffle(views)
    publish(service, views, batch=2500)
    check(db)
    assert db.value("SELECT cardinality(steps) FROM sessions") == 10000


def publish_until_stored(services, events):
    """As a client that does not give up: any service will do, and a batch may be stored twice."""
    turn = 0

    def stored(batch):
        nonlocal turn
        turn += 1
        with contextlib.suppress(Exception):
            return not services[turn % len(services)].publish(batch, timeout=5).rejected
        return False

    for i in range(0, len(events), 50):
        wait_until(lambda batch=events[i : i + 50]: stored(batch), "a batch is stored")


def test_replicas_share_the_work_and_are_killed_in_turn(db, launch):
    services = [launch(db), launch(db)]
    publisher = threading.Thread(target=publish_until_stored, args=(services, MadeUpShop(10).events(2500)))
    publisher.start()
    turn = 0
    while publisher.is_alive():
        wait_until(lambda: not publisher.is_alive() or db.value("SELECT count(*) FROM projection_marks"), "there is work")
        services[turn % 2].kill()
        services[turn % 2].start()
        turn += 1
    publisher.join()
    assert len(check(db).events) == 2500 and turn


def test_storing_rests_while_answers_are_behind(db, service):
    """And goes on nevertheless; nothing of it is refused."""
    with contextlib.closing(db.connect()) as c, c.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7023194586012448)")  # nobody projects
        events = [shop.page_view() for _ in range(40)]
        publish(service, events[:10])
        wait_until(lambda: service.metric("processing_lag_seconds") > 2, "the answers are behind")
        assert service.metric("ingest_rest_seconds_total") == 0
        for e in events[10:]:
            publish(service, [e])
        assert service.metric("ingest_rest_seconds_total") > 0
        assert db.value("SELECT count(*) FROM analytics_events") == len(events)
    all_projected(db)
    wait_until(lambda: service.metric("processing_lag_seconds") == 0, "the answers are there")
    rested = service.metric("ingest_rest_seconds_total")
    publish(service, [shop.page_view()])
    assert service.metric("ingest_rest_seconds_total") == rested
    check(db)
