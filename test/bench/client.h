/* test/bench/client.h -- a closed-loop gRPC client: one thread, one completion queue, a connection a
 * channel, bytes in and bytes out so that it costs little beside the server it measures.
 * Blocking: run() until its time or number of calls is over and every call has ended. */
#ifndef TEST_BENCH_CLIENT_H
#define TEST_BENCH_CLIENT_H

#include <cstdint>
#include <functional>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Outcome {
	uint64_t calls = 0; /* answered OK */
	double seconds = 0;
	std::vector<double> latency_us; /* of those answered OK */
	std::map<int, uint64_t> failed; /* by gRPC status code */
	std::string first_failure;
};

class Client
{
public:
	/* Connects `channels` connections of their own; fails the benchmark when that takes over 10 s. */
	Client(const std::string &target, const std::string &method, int channels);

	/* What slot (0 .. outstanding - 1) sends next, and what it got. */
	using request_fn = std::function<grpc::ByteBuffer(int slot)>;
	using reply_fn = std::function<void(int slot, const grpc::ByteBuffer &reply)>;

	/* Keeps `outstanding` calls under way, spread over the channels, for `seconds` or until max_calls. */
	Outcome run(int outstanding, double seconds, uint64_t max_calls, const request_fn &request,
		    const reply_fn &reply);

private:
	std::string method;
	std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
};

std::string flatten(const grpc::ByteBuffer &b);
/* The bytes stay the caller's and must live until the call has ended. */
grpc::ByteBuffer borrow(const std::string &bytes);

#endif
