"""Calls that nobody serves are answered, and do not use up what serves the others."""
import concurrent.futures as cf

import grpc
import pytest

from fixture import events as shop
from fixture.service import failure, tally


@pytest.mark.parametrize(
    "path",
    ["/api.analytics.v1.AnalyticsService/NoSuchMethod", "/no.such.Service/Method", "/x", "/"],
)
def test_unimplemented(service, path):
    call = service.grpc_channel.unary_unary(
        path, request_serializer=lambda b: b, response_deserializer=lambda b: b
    )
    assert failure(lambda: call(b"", timeout=60)).code() == grpc.StatusCode.UNIMPLEMENTED


def test_many_of_them(service):
    call = service.grpc_channel.unary_unary(
        "/no.such.Service/Method", request_serializer=lambda b: b, response_deserializer=lambda b: b
    )
    with cf.ThreadPoolExecutor(16) as pool:
        codes = set(
            pool.map(lambda _: failure(lambda: call(b"x" * 1000, timeout=60)).code(), range(500))
        )
    assert codes == {grpc.StatusCode.UNIMPLEMENTED}
    assert tally(service.publish([shop.page_view()])) == (1, 0, 0)


def test_streaming_to_an_unknown_method(service):
    call = service.grpc_channel.stream_stream(
        "/no.such.Service/Method", request_serializer=lambda b: b, response_deserializer=lambda b: b
    )
    assert (
        failure(lambda: list(call(iter([b"1", b"2"]), timeout=60))).code()
        == grpc.StatusCode.UNIMPLEMENTED
    )
