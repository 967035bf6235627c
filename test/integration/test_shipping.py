"""GetShippingAnalytics."""
import pytest

from told_shop import MAY, YEAR_BEFORE, open_shop

TOPIC = "shipping.shipment.status_changed"


@pytest.fixture(scope="module")
def shop(postgres):
    with open_shop(postgres) as s:
        yield s


def test_delivery_is_from_the_first_in_transit_to_the_first_delivered(shop):
    def step(shipment, status, at, carrier="DHL", **data):
        data = {"carrier_name": carrier, **data} if carrier else data
        shop.tell(TOPIC, at, shipment_id=shipment, order_id="o", new_status=status, **data)

    step("a", "DELIVERED", "05-04 13:30", promised_at="2025-05-04T13:30:00Z")  # before it set out, and just in time
    step("a", "DELIVERED", "05-06 00:00")
    step("a", "IN_TRANSIT", "05-02 12:00")
    step("a", "IN_TRANSIT", "05-01 12:00")
    step("b", "IN_TRANSIT", "04-29 00:00")  # delivered in the range, but begun before
    step("b", "DELIVERED", "05-01 00:00", promised_at="2025-04-30T23:59:59Z")
    step("c", "CREATED", "05-31 23:59")  # begun, not delivered in the range
    step("c", "DELIVERED", "06-01 00:00")
    step("d", "DELIVERED", "05-09 00:00", "UPS")  # nobody knows since when, nor was a time promised
    step("e", "IN_TRANSIT", "05-09 00:00", None)
    step("e", "DELIVERED", "05-09 03:00", None)
    step("f", "CREATED", "05-10 00:00", "UPS")  # handed over to another carrier: the latest word counts
    step("f", "IN_TRANSIT", "05-11 00:00", "FEDEX")
    assert shop.ask("shipping", **MAY) == {
        "carriers": [
            {"carrier": "DHL", "shipments": "2", "delivered": "2", "averageDeliveryHours": (73.5 + 48) / 2,
             "onTimeRate": 50},
            {"carrier": "UPS", "shipments": "1", "delivered": "1"},
            {"shipments": "1", "delivered": "1", "averageDeliveryHours": 3},
            {"carrier": "FEDEX", "shipments": "1", "delivered": "0"},
        ]
    }  # fmt: skip
    # Late: it had been under way for longer.
    step("e", "IN_TRANSIT", "05-08 23:00", None)
    assert shop.ask("shipping", **MAY)["carriers"][2]["averageDeliveryHours"] == 4
    # May 31 at New York lasts until 04:00 of June 1.
    day = {"startDate": "2025-05-31", "endDate": "2025-05-31", "timeZone": "America/New_York"}
    assert shop.ask("shipping", **day) == {
        "carriers": [{"carrier": "DHL", "shipments": "1", "delivered": "1"}]
    }


def test_a_range_without_anything(shop):
    assert shop.ask("shipping", **YEAR_BEFORE) == {"carriers": []}
