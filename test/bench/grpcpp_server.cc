/* test/bench/grpcpp_server.cc -- the server to compare with: grpc.health.v1 Check as grpc++'s own
 * asynchronous API is meant to be used, with one completion queue and one thread.
 * Usage: bench_grpcpp_server PORT; ends on a signal. */
#include "grpc/health/v1/health.grpc.pb.h"

#include <cstdio>
#include <grpcpp/grpcpp.h>

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace
{
enum { ARMED = 128 }; /* requests waiting for a call; more than the clients have outstanding */

class Call
{
public:
	Call(Health::AsyncService *s, grpc::ServerCompletionQueue *q)
	    : service(s), queue(q), responder(&context)
	{
		service->RequestCheck(&context, &request, &responder, queue, queue, this);
	}

	void step(bool ok)
	{
		if (!ok || answered) {
			delete this;
			return;
		}
		new Call(service, queue);
		HealthCheckResponse response;

		response.set_status(request.service().empty()
					    ? HealthCheckResponse::SERVING
					    : HealthCheckResponse::SERVICE_UNKNOWN);
		answered = true;
		responder.Finish(response, grpc::Status::OK, this);
	}

private:
	Health::AsyncService *service;
	grpc::ServerCompletionQueue *queue;
	grpc::ServerContext context;
	HealthCheckRequest request;
	grpc::ServerAsyncResponseWriter<HealthCheckResponse> responder;
	bool answered = false;
};
} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench_grpcpp_server PORT\n");
		return 2;
	}
	Health::AsyncService service;
	grpc::ServerBuilder builder;

	builder.AddListeningPort("127.0.0.1:" + std::string(argv[1]),
				 grpc::InsecureServerCredentials());
	builder.RegisterService(&service);
	auto queue = builder.AddCompletionQueue();
	auto server = builder.BuildAndStart();

	if (!server) {
		fprintf(stderr, "bench_grpcpp_server: port %s is taken\n", argv[1]);
		return 1;
	}
	for (int i = 0; i < ARMED; i++)
		new Call(&service, queue.get());
	void *tag;
	bool ok;

	while (queue->Next(&tag, &ok))
		static_cast<Call *>(tag)->step(ok);
	return 0;
}
