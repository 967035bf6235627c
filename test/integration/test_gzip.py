"""Compressed requests are read, and answered compressed."""
import grpc
import pytest

from fixture import events as shop
from fixture.ports import free_port
from fixture.proxy import Proxy
from fixture.service import tally


@pytest.fixture
def relay(service):
    p = Proxy(free_port(), service.grpc_port)
    yield p
    p.close()


def test_both_ways(service, db, relay):
    channel = service.channel(relay.port)
    # Large, and much alike: the same rejection 2,000 times.
    events = [shop.page_view(session_id="", filler="x" * 400) for _ in range(2000)]
    request = shop.publish_request(events)
    r = service.publish(events, channel, compression=grpc.Compression.Gzip)
    assert tally(r) == (0, 0, 2000)
    assert relay.to_target < request.ByteSize() / 3
    assert relay.to_client < r.ByteSize() / 2
    assert len(db.letters()) == 2000


@pytest.mark.parametrize(
    "compression", [grpc.Compression.NoCompression, grpc.Compression.Deflate, grpc.Compression.Gzip]
)
def test_every_compression_is_read(service, db, compression):
    events = [shop.page_view() for _ in range(100)]
    assert tally(service.publish(events, compression=compression)) == (100, 0, 0)
    assert len(db.events()) == 100
