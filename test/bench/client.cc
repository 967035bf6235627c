#include "test/bench/client.h"
#include "test/bench/measure.h"

namespace
{
struct Call {
	grpc::ClientContext context;
	grpc::ByteBuffer reply;
	grpc::Status status;
	std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
	int slot;
	double started_s;
};

class Loop
{
public:
	Loop(const std::string &path, std::vector<std::unique_ptr<grpc::GenericStub>> &channels,
	     const Client::request_fn &next_request)
	    : method(path), stubs(channels), request(next_request)
	{
	}

	void start(int slot)
	{
		Call *c = new Call;

		c->slot = slot;
		grpc::ByteBuffer bytes = request(slot);
		c->started_s = now_s();
		c->reader = stubs[(size_t)slot % stubs.size()]->PrepareUnaryCall(
			&c->context, method, bytes, &queue);
		c->reader->StartCall();
		c->reader->Finish(&c->reply, &c->status, c);
	}

	std::unique_ptr<Call> wait()
	{
		void *tag;
		bool ok;

		if (!queue.Next(&tag, &ok) || !ok)
			fail("completion queue ended");
		return std::unique_ptr<Call>(static_cast<Call *>(tag));
	}

	~Loop()
	{
		void *tag;
		bool ok;

		queue.Shutdown();
		while (queue.Next(&tag, &ok))
			continue;
	}

private:
	const std::string &method;
	std::vector<std::unique_ptr<grpc::GenericStub>> &stubs;
	const Client::request_fn &request;
	grpc::CompletionQueue queue;
};
} // namespace

Client::Client(const std::string &target, const std::string &path, int channels) : method(path)
{
	for (int i = 0; i < channels; i++) {
		grpc::ChannelArguments args;

		args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
			    1); /* else all channels share a connection */
		args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
		args.SetMaxReceiveMessageSize(-1);
		auto channel =
			grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);

		if (!channel->WaitForConnected(std::chrono::system_clock::now() +
					       std::chrono::seconds(10)))
			fail("nothing answers at " + target);
		stubs.push_back(std::make_unique<grpc::GenericStub>(channel));
	}
}

Outcome Client::run(int outstanding, double seconds, uint64_t max_calls, const request_fn &request,
		    const reply_fn &reply)
{
	Outcome o;
	Loop loop(method, stubs, request);
	double begin = now_s();
	uint64_t begun = 0, ended = 0;

	for (; begun < (uint64_t)outstanding && begun < max_calls; begun++)
		loop.start((int)begun);
	while (ended < begun) {
		std::unique_ptr<Call> c = loop.wait();
		double at = now_s();

		ended++;
		if (c->status.ok()) {
			o.calls++;
			o.latency_us.push_back((at - c->started_s) * 1e6);
			reply(c->slot, c->reply);
		} else {
			o.failed[c->status.error_code()]++;
			if (o.first_failure.empty())
				o.first_failure = c->status.error_message();
		}
		if (at - begin < seconds && begun < max_calls) {
			begun++;
			loop.start(c->slot);
		}
	}
	o.seconds = now_s() - begin;
	return o;
}

std::string flatten(const grpc::ByteBuffer &b)
{
	std::vector<grpc::Slice> slices;
	std::string all;

	if (!b.Dump(&slices).ok())
		fail("unreadable reply");
	for (const grpc::Slice &s : slices)
		all.append((const char *)s.begin(), s.size());
	return all;
}

grpc::ByteBuffer borrow(const std::string &bytes)
{
	grpc::Slice s(bytes.data(), bytes.size(), grpc::Slice::STATIC_SLICE);

	return grpc::ByteBuffer(&s, 1);
}
