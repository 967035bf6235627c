"""Bad bytes over gRPC get an error or a rejection; the service keeps serving, and stays small."""
import grpc
import pytest

from fixture import events as shop
from fixture import protos
from fixture.service import PUBLISH, failure, tally

MIB = 1 << 20
OVERVIEW = "api.analytics.v1.AnalyticsService/GetDashboardOverview"


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, body):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def nested(levels, number):
    """A message in a message in a message, built from the inside."""
    parts, size = [], 0
    for _ in range(levels):
        head = varint(number << 3 | 2) + varint(size)
        parts.append(head)
        size += len(head)
    return b"".join(reversed(parts))


def good():
    return shop.as_proto(shop.page_view()).SerializeToString()


def proto_data(type_url, value):
    return field(8, field(1, type_url) + field(2, value))


STRUCT = b"type.googleapis.com/google.protobuf.Struct"
NO_MESSAGE = {
    "truncated": field(1, good())[:-5],
    "length beyond the end": b"\x0a\xff\xff\xff\x7f",
    "endless varint": b"\x0a" + b"\xff" * 20,
    "field number 0": b"\x02\x00",
    "wire type 7": b"\x0f\x00",
    "end of a group that never began": b"\x0c",
    "groups 100,000 deep": b"\x0b" * 100_000,
    "text": b"certainly not a protobuf message",
}
BAD_EVENT = {
    "truncated": good()[:-5],
    "field number 0": b"\x02\x00",
    "groups 100,000 deep": b"\x0b" * 100_000,
    "id is no UTF-8": good() + field(1, b"\xff\xfe"),
    "text_data is no UTF-8": good() + field(7, b'"\xff\xfe"'),
    "text_data is no JSON": good() + field(7, b"certainly not"),
    "NUL in the id": good() + field(1, b"a\0b"),
    "typed data 20,000 deep": good() + proto_data(STRUCT, nested(20_000, 5)),
}


# Valid, if odd: an implementation may take them or refuse them, event by event.
ODD_EVENT = {
    "400,000 attributes": good() + b"\x2a\x00" * 400_000,
    "attributes nested 20,000 deep": good()
    + field(5, field(1, b"x") + field(2, nested(20_000, 7))),
    "the same field 100,000 times": good() + field(4, b"analytics.page_view") * 40_000,
    "unknown fields without end": good() + field(99, b"x") * 200_000,
}


@pytest.mark.parametrize("case", NO_MESSAGE)
@pytest.mark.parametrize("path", [PUBLISH, OVERVIEW])
def test_no_message(service, db, case, path):
    e = failure(lambda: protos.bytes_stub(service.grpc_channel, path)(NO_MESSAGE[case], timeout=60))
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, e
    assert db.events() == []
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


@pytest.mark.parametrize("case", BAD_EVENT)
def test_bad_event_among_good_ones(service, db, case):
    body = field(1, good()) + field(1, BAD_EVENT[case]) + field(1, good())
    r = protos.bytes_stub(service.grpc_channel, PUBLISH)(body, timeout=60)
    assert (tally(r), [x.index for x in r.results]) == ((2, 0, 1), [1])
    assert r.results[0].error.code in ("MALFORMED_JSON", "INVALID_FIELD", "TOO_LARGE"), r
    assert len(db.events()) == 2
    assert [x["error_code"] for x in db.letters()] == [r.results[0].error.code]
    r = protos.bytes_stub(service.grpc_channel, PUBLISH)(body, timeout=60)
    assert tally(r) == (0, 2, 1)
    assert [x["deliveries"] for x in db.letters()] == [2]


@pytest.mark.parametrize("case", ODD_EVENT)
def test_odd_event_among_good_ones(service, db, case):
    before = service.peak_mib()
    r = protos.bytes_stub(service.grpc_channel, PUBLISH)(
        field(1, good()) + field(1, ODD_EVENT[case]) + field(1, good()), timeout=60
    )
    assert r.accepted + r.rejected == 3 and {x.index for x in r.results} <= {1}, r
    assert len(db.events()) == r.accepted and len(db.letters()) == r.rejected
    assert service.peak_mib() - before < 128


def test_millions_of_empty_events(service):
    e = failure(
        lambda: protos.bytes_stub(service.grpc_channel, PUBLISH)(
            b"\x0a\x00" * (6 * MIB), timeout=60
        )
    )
    assert e.code() == grpc.StatusCode.INVALID_ARGUMENT, e
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


def test_5000_empty_events_are_5000_rejections(service, db):
    r = protos.bytes_stub(service.grpc_channel, PUBLISH)(b"\x0a\x00" * 5000, timeout=60)
    assert (tally(r), len(r.results)) == ((0, 0, 5000), 5000)
    assert r.results[0].error.code == "MISSING_FIELD"
    assert [x["deliveries"] for x in db.letters()] == [5000]


def test_event_over_1_mib_is_rejected_alone(service, db):
    r = service.publish([shop.page_view(), shop.page_view(extra="x" * MIB)])
    assert (tally(r), r.results[0].error.code) == ((1, 0, 1), "TOO_LARGE")
    assert len(db.events()) == 1


def test_17_mib_message(service):
    e = failure(
        lambda: protos.bytes_stub(service.grpc_channel, PUBLISH)(
            field(15, b"x" * (17 * MIB)), timeout=60
        )
    )
    assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


def test_gzip_bomb(service):
    service.publish([shop.page_view()])
    before = service.peak_mib()
    for _ in range(3):
        e = failure(
            lambda: protos.bytes_stub(service.grpc_channel, PUBLISH)(
                field(15, b"\0" * (400 * MIB)), timeout=120, compression=grpc.Compression.Gzip
            )
        )
        assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
    assert service.peak_mib() - before < 128
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)
