"""Purchases against the order service's own count, over gRPC: with retries, deadlines and a breaker."""
import datetime as dt
import zoneinfo

import grpc
import pytest

from fixture import events as shop
from fixture.orders import OrderService
from fixture.ports import free_port
from fixture.wait import wait_until

ADMIN = "api.analytics.v1.AdminService/"
ZONE = "Asia/Kathmandu"
NOON = dt.time(12, tzinfo=zoneinfo.ZoneInfo(ZONE))
DAY = dt.datetime.now(zoneinfo.ZoneInfo(ZONE)).date() - dt.timedelta(days=1)


@pytest.fixture
def orders(ending):
    service = OrderService()
    ending[1].append(service.stop)
    return service


@pytest.fixture
def service(db, launch, orders):
    """A service that has taken 10 orders of yesterday; one of them came twice, one has an older
    purchase."""
    s = launch(
        db,
        jobs=0,
        business_timezone=ZONE,
        order_service_addr=f"127.0.0.1:{orders.port}",
        breaker_open_ms=500,
    )
    noon = dt.datetime.combine(DAY, NOON)
    at = [(f"o-{n}", noon + dt.timedelta(minutes=n)) for n in range(10)]
    at += [("o-3", noon + dt.timedelta(hours=1)), ("o-old", noon), ("o-old", noon - dt.timedelta(days=1))]
    s.publish([shop.purchase(order_id=o, timestamp=shop.rfc3339(t)) for o, t in at])
    wait_until(
        lambda: db.value("SELECT count(*) FROM orders WHERE purchased_at IS NOT NULL") == 11,
        "the orders are projected",
    )
    return s


def reconcile(service):
    """The run, and what its report says of orders."""
    run = service.call(ADMIN + "RunJob", name="reconciliation", timeout=60).run
    reports = service.call(ADMIN + "ListReconciliationReports", date=str(DAY)).reports
    [report] = [r for r in reports if r.subject == "orders"]
    assert report.actual == 10
    return run, report


@pytest.mark.parametrize(
    "theirs, severity, gap",
    [(10, "ok", 0), (11, "warning", 0.0909), (13, "critical", 0.2308), (9, "warning", 0), (0, "warning", 0)],
)
def test_orders_are_compared(service, orders, theirs, severity, gap):
    orders.orders = theirs
    run, report = reconcile(service)
    assert run.state == "succeeded"
    assert (report.expected, report.severity, report.gap_ratio) == (theirs, severity, gap)
    midnight = dt.datetime.combine(DAY, dt.time(0), zoneinfo.ZoneInfo(ZONE))
    assert orders.days() == [(midnight.timestamp(), midnight.timestamp() + 86400)]


def test_a_failed_call_is_made_again(service, orders):
    orders.orders, orders.failures = 10, 3
    run, report = reconcile(service)
    assert (run.state, report.severity) == ("succeeded", "ok")
    assert len(orders.requests) == 4


def test_one_that_makes_no_sense_is_not(service, orders):
    orders.failures, orders.status = 1, grpc.StatusCode.UNIMPLEMENTED
    run, report = reconcile(service)
    assert (run.state, report.severity, len(orders.requests)) == ("failed", "skipped", 1)
    assert "status 12" in report.note and not report.HasField("expected")


def test_an_order_service_that_is_away_is_left_alone_for_a_while(service, orders):
    orders.orders, orders.failures = 10, 5
    run, report = reconcile(service)
    assert (run.state, report.severity, len(orders.requests)) == ("failed", "skipped", 4)
    # The fifth failure in a row: no call follows at once.
    run, report = reconcile(service)
    assert (run.state, len(orders.requests)) == ("failed", 5)
    wait_until(lambda: reconcile(service)[1].severity == "ok", "it is asked again")
    assert len(orders.requests) == 6


def test_without_an_order_service_the_rest_is_reported(db, launch):
    nobody = launch(db, jobs=0)
    run = nobody.call(ADMIN + "RunJob", name="reconciliation").run
    [report] = nobody.call(ADMIN + "ListReconciliationReports").reports
    assert (run.state, report.severity) == ("succeeded", "skipped")
    assert report.note == "ORDER_SERVICE_ADDR is not set"
    deaf = launch(db, jobs=0, order_service_addr=f"127.0.0.1:{free_port()}")
    run = deaf.call(ADMIN + "RunJob", name="reconciliation", timeout=60).run
    [report] = deaf.call(ADMIN + "ListReconciliationReports").reports
    assert (run.state, report.severity) == ("failed", "skipped")
    assert "status 14" in report.note and run.error == report.note
