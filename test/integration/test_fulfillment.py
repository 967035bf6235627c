"""GetFulfillmentAnalytics."""
import pytest

from told_shop import MAY, YEAR_BEFORE, open_shop


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        yield s


def test_orders_and_warehouses(shop):
    def step(fulfillment, order, status, at, warehouse="north", **data):
        data = {"warehouse_id": warehouse, **data} if warehouse else data
        topic = "fulfillments.fulfillment." + ("sla_breach" if status == "BREACH" else "status_changed")
        if status != "BREACH":
            data["new_status"] = status
        shop.tell(topic, at, fulfillment_id=fulfillment, order_id=order, **data)

    step("f1", "o1", "COMPLETED", "05-01 18:00")  # before the order is heard of
    shop.order("o1", "05-01 12:00")
    step("f1", "o1", "PICKING", "05-01 13:00")
    shop.order("o2", "05-02 12:00")  # in two parts: done with the first COMPLETED
    step("f2", "o2", "COMPLETED", "05-02 14:00")
    step("f3", "o2", "COMPLETED", "05-02 22:00", "south")
    shop.order("o3", "05-03 12:00")  # cancelled: no longer awaited
    shop.order("o3", "05-03 13:00", status="CANCELLED")
    shop.order("o4", "05-31 12:00")  # completed after the range: its rate counts, its time does not
    step("f4", "o4", "COMPLETED", "06-01 00:00", "south")
    shop.order("o0", "04-30 12:00")  # of an older order, overdue twice, once in the range
    step("f0", "o0", "BREACH", "05-01 12:00")
    step("f0", "o0", "BREACH", "05-01 11:00")
    step("f0", "o0", "COMPLETED", "05-01 12:00")
    shop.order("o5", "05-05 12:00")
    step("f5", "o5", "BREACH", "05-06 12:00", None)
    step("f6", "never bought", "COMPLETED", "05-07 12:00")
    assert shop.ask("fulfillment", **MAY) == {
        "metrics": {"fulfillmentRate": 60, "averageFulfillmentTimeHours": (6 + 2 + 24) / 3, "pendingFulfillment": "1",
                    "slaBreaches": "2"},
        "warehouses": [
            {"warehouseId": "north", "fulfillments": "4", "completed": "4", "averageFulfillmentTimeHours": (6 + 2 + 24) / 3,
             "slaBreaches": "1"},
            {"warehouseId": "south", "fulfillments": "1", "completed": "1", "averageFulfillmentTimeHours": 10,
             "slaBreaches": "0"},
            {"fulfillments": "1", "completed": "0", "slaBreaches": "1"},
        ],
    }  # fmt: skip
    # A cancellation that comes late, of an earlier time than the purchase: the latest word counts.
    shop.order("o5", "05-04 12:00", status="CANCELLED")
    assert shop.ask("fulfillment", **MAY)["metrics"]["pendingFulfillment"] == "1"
    shop.order("o5", "05-06 12:00", status="CANCELLED")
    assert shop.ask("fulfillment", **MAY)["metrics"]["pendingFulfillment"] == "0"


def test_a_range_without_anything(shop):
    assert shop.ask("fulfillment", **YEAR_BEFORE) == {
        "metrics": {"pendingFulfillment": "0", "slaBreaches": "0"},
        "warehouses": [],
    }
