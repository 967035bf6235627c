"""Server reflection, both versions, as grpcurl uses it."""
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from fixture import protos

SERVICES = {
    "api.analytics.v1.AnalyticsService",
    "api.analytics.v1.EventIngestService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}


@pytest.fixture(params=["v1", "v1alpha"])
def ask(request, service):
    """ask(field=value, ...): the answers to one request each, over one stream."""
    package = f"grpc.reflection.{request.param}"
    stub = protos.stub(service.grpc_channel, f"{package}.ServerReflection/ServerReflectionInfo")
    message = protos.message(f"{package}.ServerReflectionRequest")
    return lambda *questions: list(
        stub(iter([message(host="h", **q) for q in questions]), timeout=60)
    )


def files(answer):
    return [
        descriptor_pb2.FileDescriptorProto.FromString(b)
        for b in answer.file_descriptor_response.file_descriptor_proto
    ]


def test_list(ask):
    [answer] = ask({"list_services": "*"})
    assert {s.name for s in answer.list_services_response.service} >= SERVICES
    assert answer.original_request.list_services == "*"


@pytest.mark.parametrize(
    "symbol",
    [
        "api.analytics.v1.EventIngestService",
        "api.analytics.v1.EventIngestService.PublishEvents",
        "api.analytics.v1.PublishEventsRequest",
        "io.cloudevents.v1.CloudEvent.CloudEventAttributeValue",
        "grpc.health.v1.Health",
        "google.protobuf.Any",
    ],
)
def test_describe(ask, symbol):
    """What comes back, with the files it imports asked for by name, makes a pool that knows the
    symbol."""
    [answer] = ask({"file_containing_symbol": symbol})
    have = {f.name: f for f in files(answer)}
    while missing := {d for f in have.values() for d in f.dependency} - set(have):
        for a in ask(*({"file_by_filename": name} for name in sorted(missing))):
            have.update((f.name, f) for f in files(a))
    pool = descriptor_pool.DescriptorPool()

    def add(name):
        for d in have[name].dependency:
            add(d)
        pool.Add(have[name])

    for name in have:
        add(name)
    assert pool.FindFileContainingSymbol(symbol)


def test_descriptors_are_those_of_the_tree(ask):
    ours = {f.name: f for f in protos.descriptor_set().file}
    [answer] = ask({"file_by_filename": "api/analytics/v1/ingest.proto"})
    [got] = [f for f in files(answer) if f.name == "api/analytics/v1/ingest.proto"]
    assert got == ours[got.name]


@pytest.mark.parametrize(
    "question",
    [{"file_containing_symbol": "no.such.Symbol"}, {"file_by_filename": "no/such.proto"}],
)
def test_unknown_is_not_found_and_the_stream_goes_on(ask, question):
    first, second = ask(question, {"list_services": ""})
    assert first.error_response.error_code == 5
    assert second.list_services_response.service
