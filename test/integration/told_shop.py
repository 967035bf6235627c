"""A shop whose whole story a test tells: events come in by the front door, answers are asked at both doors."""
import contextlib
import shutil
import urllib.parse

from google.protobuf import json_format

from fixture.events import cloud_event
from fixture.service import Service, tally
from fixture.wait import wait_until

SERVICE = "api.analytics.v1.AnalyticsService/"
RPCS = {
    "returns": "GetReturnAnalytics",
    "shipping": "GetShippingAnalytics",
    "fulfillment": "GetFulfillmentAnalytics",
    "payments": "GetPaymentAnalytics",
    "marketing": "GetMarketingAnalytics",
    "inventory": "GetInventoryAnalytics",
    "customers/summary": "GetCustomerAnalyticsSummary",
}
MAY = {"startDate": "2025-05-01", "endDate": "2025-05-31"}
YEAR_BEFORE = {"startDate": "2024-05-01", "endDate": "2024-05-31"}  # nothing ever happens in it
ORDER = "orders.order.status_changed"


class Shop:
    def __init__(self, db, service):
        self.db, self.service, self.events = db, service, []

    def tell(self, topic, at, source="shop", **data):
        """An event at "MM-DD HH:MM" of 2025, UTC; it is sent with the next question, in the order of telling."""
        day, time = at.split()
        self.events.append(
            cloud_event(topic, {"timestamp": f"2025-{day}T{time}:00Z", **data}, source)
        )

    def order(self, order_id, at, amount=10, status="CONFIRMED", **data):
        self.tell(ORDER, at, order_id=order_id, new_status=status, total_amount=amount, **data)

    def send(self):
        if self.events:
            answer = self.service.publish(self.events)
            assert tally(answer) == (len(self.events), 0, 0), answer.results
        self.events = []
        wait_until(
            lambda: self.db.value(
                "SELECT NOT EXISTS (SELECT FROM projection_marks) AND NOT EXISTS (SELECT FROM stale_days)"
            ),
            "everything is projected",
        )

    def rate(self, day, currency, rate):
        self.db.execute("INSERT INTO fx_rates VALUES (%s, %s, %s)", f"2025-{day}", currency, rate)

    def ask(self, path, **arguments):
        """The answer over HTTP, which is that over gRPC."""
        self.send()
        query = urllib.parse.urlencode(arguments, doseq=True)
        a = self.service.http("GET", f"/api/v1/analytics/{path}?{query}")
        assert a.status == 200, a
        names = {"startDate": "start_date", "endDate": "end_date", "timeZone": "time_zone",
                 "warehouseIds": "warehouse_ids"}  # fmt: skip
        fields = {names.get(k, k): v for k, v in arguments.items()}
        b = json_format.MessageToDict(self.service.call(SERVICE + RPCS[path], **fields))
        got = {k: v for k, v in a.json.items() if k != "dataAsOf"}
        assert a.json["dataAsOf"] <= b.pop("dataAsOf")
        assert b == {k: v for k, v in got.items() if v != []}  # this form leaves empty lists out
        return got


@contextlib.contextmanager
def open_shop(postgres, **settings):
    db = postgres.database()
    service = Service(db, retention_days=36500, **settings)
    try:
        service.start()
        yield Shop(db, service)
        service.stop()
    finally:
        service.kill()
        shutil.rmtree(service.dir, ignore_errors=True)
        postgres.drop(db)
