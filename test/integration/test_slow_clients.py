"""Who sends a request byte by byte, or nothing at all, does not hold a connection for ever; who holds all of them
does not close the ports."""
import contextlib
import os
import resource
import socket
import time

from fixture import events as shop
from fixture.service import tally
from fixture.wait import wait_until

HEAD = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/cloudevents+json\r\n"


def connect(port, first):
    c = socket.create_connection(("127.0.0.1", port), timeout=10)
    c.sendall(first)
    c.settimeout(0.01)
    return c


def is_open(c, drop=b"a"):
    try:
        if drop:
            c.sendall(drop)
        return c.recv(100) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_request_that_drips_in_is_hung_up(launch, db):
    service = launch(db, http_request_sec=2)
    begun = time.monotonic()
    head = connect(service.http_port, HEAD + b"X-Slow: a")
    body = connect(service.http_port, HEAD + b"Content-Length: 10000\r\n\r\n{")
    with contextlib.closing(head), contextlib.closing(body):
        wait_until(lambda: not is_open(head), "a head without an end")
        wait_until(lambda: not is_open(body), "a body without an end")
    assert time.monotonic() - begun > 1.5
    assert service.http("GET", "/health/live").status == 200


def test_who_waits_for_an_answer_is_not_hung_up(launch, db):
    service = launch(db, http_request_sec=1)
    with db.connect(autocommit=False) as c, c.cursor() as cursor:
        cursor.execute("LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE")
        body = shop.json.dumps(shop.page_view()).encode()
        sender = connect(service.http_port, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        until = time.monotonic() + 3.5
        while time.monotonic() < until:
            assert is_open(sender, drop=b"")
        c.rollback()
    sender.settimeout(30)
    assert sender.recv(1000).startswith(b"HTTP/1.1 200")
    wait_until(lambda: not is_open(sender, drop=b""), "nothing follows")
    sender.close()


def test_a_grpc_client_that_says_nothing_is_hung_up(service):
    with contextlib.closing(connect(service.grpc_port, b"")) as c:
        c.settimeout(20)
        while c.recv(1000):
            pass


@contextlib.contextmanager
def out_of_descriptors(service, port):
    """More clients than the only worker has descriptors for; they leave at the end."""
    [worker] = service.workers()
    most = len(os.listdir(f"/proc/{worker}/fd")) + 8
    _, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (most, hard))
    clients = [connect(port, b"") for _ in range(40)]
    wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) == most, "no descriptor is left")
    yield
    for c in clients:
        c.close()


def test_http_goes_on_when_descriptors_come_back(service):
    with out_of_descriptors(service, service.http_port):
        pass
    assert service.http("GET", "/health/ready", timeout=10).status == 200


def test_grpc_goes_on_when_descriptors_come_back(service):
    before = service.workers()
    with out_of_descriptors(service, service.grpc_port):
        wait_until(lambda: service.workers() not in (before, []), "a worker that is heard")
    service.wait_for("ready")
    service.wait_for_all()
    assert tally(service.publish([shop.page_view()], timeout=20)) == (1, 0, 0)
    assert '"where":"grpc"' in service.stderr()
