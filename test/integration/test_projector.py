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
                **self.maybe(currency=r.choice(["USD", "EUR", "JPY"]), customer_name="Jane Roe")},
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
        kind = r.choice(list(kinds))
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
    events = MadeUpShop(seed).events(1200)
    publish(service, events[:700] + events[300:700])
    all_projected(db)
    publish(service, events[500:], batch=7)     # a part of them again, and late ones, in small batches
    t = check(db, zone=zone)
    assert len(t.events) == len(events)
    assert all(db.value(f"SELECT count(*) FROM {table}") for table in KEYS)  # none was left out
    moved = {(r["sum"], r["wrong"]) for r in db.rows("SELECT * FROM make_sums(current_date - 9, current_date + 2)")}
    assert {n for _, n in moved} == {0}
