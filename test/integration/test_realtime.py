"""Live figures: asked, streamed over gRPC, and as server-sent events."""
import contextlib
import datetime as dt
import http.client
import json
import re
import signal
import threading
import zoneinfo

import grpc
import pytest
from google.protobuf import json_format

from fixture import events as shop
from fixture import protos
from fixture.service import failure
from fixture.wait import wait_until

UTC = dt.timezone.utc
PATH = "/api/v1/analytics/realtime"
RPC = "api.analytics.v1.AnalyticsService/GetRealTimeMetrics"
STREAM = "api.analytics.v1.AnalyticsService/StreamRealTimeMetrics"
EMPTY = {"metrics": {"onlineUsers": "0", "ordersToday": "0", "revenueToday": 0, "pageViewsToday": "0"}}


def ask(service, zone="UTC"):
    a = service.http("GET", f"{PATH}?timeZone={zone}")
    assert a.status == 200, a
    return a.json


class Listener:
    """A stream read by a thread of its own: messages are the answers as JSON has them, without dataAsOf."""

    def __init__(self):
        self.messages, self.end, self.closed = [], None, False

    def run(self):
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def _run(self):
        try:
            for m in self.read():
                assert m.pop("dataAsOf").endswith("Z")
                self.messages.append(m)
            self.end = "ended"
        except Exception as e:  # pylint: disable=broad-except
            self.end = e

    def wait(self, n):
        wait_until(lambda: self.end or len(self.messages) >= n, f"{n} messages")
        assert not self.end, self.end


class GrpcListener(Listener):
    def __init__(self, service, zone="UTC"):
        super().__init__()
        channel = service.channel()
        self.call = protos.stub(channel, STREAM)(protos.method(STREAM)[0](time_zone=zone))

    def read(self):
        yield from map(json_format.MessageToDict, self.call)

    def close(self):
        self.call.cancel()


class HttpListener(Listener):
    def __init__(self, service, zone="UTC"):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", service.http_port, timeout=60)
        self.connection.request("GET", f"{PATH}/stream?timeZone={zone}", headers={"accept": "text/event-stream"})

    def read(self):
        r = self.connection.getresponse()
        assert r.status == 200, (r.status, r.read())
        assert r.getheader("content-type") == "text/event-stream"
        while line := r.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
                assert r.readline() == b"\n"
            else:
                assert line == b"retry: 2000\n"

    def close(self):
        with contextlib.suppress(AttributeError):
            self.connection.sock.shutdown(2)
        self.connection.close()


def truth(events, zone, now):
    """The figures of whatever was sent, event by event."""
    zone = zoneinfo.ZoneInfo(zone)
    today = [(t, e) for t, e in events if t.astimezone(zone).date() == now.astimezone(zone).date()]
    orders = [e["data"] for _, e in today if e["type"].startswith("orders.")]
    sessions = {e["data"]["session_id"] for _, e in today}
    online = {}
    for t, e in events:
        if now - t < dt.timedelta(minutes=4):
            online[e["data"]["session_id"]] = t
    return {
        "onlineUsers": str(len(online)),
        "ordersToday": str(len(orders)),
        "revenueToday": round(sum(o["total_amount"] for o in orders), 2),
        "pageViewsToday": str(sum(e["type"] == "analytics.page_view" for _, e in today)),
        **({"conversionRateToday": 100 * len({o["session_id"] for o in orders}) / len(sessions)} if sessions else {}),
    }


def test_figures_of_the_local_day_and_of_the_last_minutes(service):
    now, sent = dt.datetime.now(UTC).replace(microsecond=0), []
    for n in range(130):  # every 33 minutes of three days, and some of the last minutes
        t = now - dt.timedelta(minutes=33 * (n + 1) if n < 110 else 10 if n % 2 else 1, seconds=n)
        at = {"timestamp": shop.rfc3339(t), "session_id": f"s{n // 3}"}
        sent.append((t, shop.page_view(**at) if n % 3 else shop.purchase(
            **at, order_id=f"o{n}", total_amount=10 + n / 100, customer_name="Jane Doe")))
    last = shop.page_view(timestamp=shop.rfc3339(now), session_id="s", customer_id="jane", page_url="/shoes")
    sent.append((now, last))
    assert all(x["status"] == "SUCCESS" for x in service.deliver_bulk([e for _, e in sent], "/events/orders"))
    for zone in ("UTC", "Asia/Kathmandu", "America/New_York"):
        wait_until(lambda z=zone: ask(service, z)["metrics"] == pytest.approx(truth(sent, z, dt.datetime.now(UTC))),
                   f"figures in {zone}")
    got = ask(service)
    orders = sorted(((t, e["data"]) for t, e in sent if e["type"].startswith("orders.")), key=lambda x: x[0])[:-11:-1]
    assert [o["orderId"] for o in got["recentOrders"]] == [o["order_id"] for _, o in orders]
    assert got["recentOrders"][0] == {
        "orderId": orders[0][1]["order_id"], "customerName": "J***", "amount": orders[0][1]["total_amount"],
        "createdAt": orders[0][0].strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    }
    users = got["activeUsers"]
    assert len(users) == int(got["metrics"]["onlineUsers"]) <= 10
    assert users[0] == {"userId": "jane", "currentPage": "/shoes", "lastActivity": now.strftime("%Y-%m-%dT%H:%M:%S.000000Z")}
    assert [u["lastActivity"] for u in users] == sorted((u["lastActivity"] for u in users), reverse=True)
    answer = service.call(RPC, time_zone="UTC")
    assert {**json_format.MessageToDict(answer), "dataAsOf": ""} == {**got, "dataAsOf": ""}
    for path in (PATH, PATH + "/stream"):
        a = service.http("GET", path + "?timeZone=Mars/Olympus")
        assert a.status == 400 and b'"timeZone"' in a.body


def test_one_question_serves_all_who_listen(db, postgres, launch):
    db.execute(f"ALTER DATABASE {db.name} SET log_min_duration_statement = 0")  # PostgreSQL notes what is asked
    service = launch(db)
    asked = lambda: len(re.findall("execute realtime_metrics: ", open(postgres.log, encoding="utf-8").read()))
    listeners = [(GrpcListener if n % 2 else HttpListener)(service).run() for n in range(30)]
    far = GrpcListener(service, "Asia/Kathmandu").run()
    for x in listeners:
        x.wait(1)
        assert {k: v for k, v in x.messages[0].items() if v} == EMPTY
    before = asked()
    for n in (1, 2, 3):
        service.deliver(shop.purchase(total_amount=n, timestamp=shop.rfc3339(dt.datetime.now(UTC))))
        want = n * (n + 1) // 2
        wait_until(lambda w=want: all(x.messages[-1]["metrics"]["revenueToday"] == w for x in listeners), "the order is told")
    far.wait(2)
    assert asked() - before < 60, "30 streams of 3 messages asked about as often as one"
    assert service.metric("realtime_streams") == 31
    for x in [*listeners[:20], far]:
        x.close()
    wait_until(lambda: service.metric("realtime_streams") == 10, "who has left is noticed")
    n = [len(x.messages) for x in listeners[20:]]
    wait_until(lambda: all(len(x.messages) > m for x, m in zip(listeners[20:], n)), "a message though nothing changes")
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: all(x.end for x in listeners[20:]), "all streams end")
    ends = [x.end for x in listeners[20:]]
    assert all(e == "ended" or e.code() == grpc.StatusCode.UNAVAILABLE for e in ends), ends


def test_streams_are_bounded_and_end_without_a_database(own_postgres, launch):
    db = own_postgres.database()
    service = launch(db, realtime_streams=2, breaker_open_ms=300)
    first = [GrpcListener(service).run(), HttpListener(service).run()]
    for x in first:
        x.wait(1)
    stream = protos.stub(service.grpc_channel, STREAM)
    more = lambda: next(stream(protos.method(STREAM)[0](), timeout=30))
    assert failure(more).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    a = service.http("GET", PATH + "/stream")
    assert a.status == 429 and int(a.headers["retry-after"]) > 0, a
    first[1].close()
    wait_until(lambda: service.metric("realtime_streams") == 1, "the place is free")
    assert more().metrics.online_users == 0
    own_postgres.stop("immediate")
    wait_until(lambda: first[0].end, "the stream ends when its figures are too old")
    assert first[0].end.code() == grpc.StatusCode.UNAVAILABLE
    assert failure(more).code() == grpc.StatusCode.UNAVAILABLE
    assert service.http("GET", PATH + "/stream").status == 503
    own_postgres.start()
    wait_until(lambda: service.http("GET", PATH).status == 200, "the figures are back")
    HttpListener(service).run().wait(1)
