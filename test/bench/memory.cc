/* test/bench/memory.cc -- (d) resident memory of all workers under load; run against a service just
 * started, since a peak never falls.
 * Usage: bench_memory --port=PORT --pid=PID --case=small|large|over [--seconds=S]
 *   small: 16 clients, batches of 1, 50 and 500     large: 16 clients x 5,000
 *   over:  16 clients x 5,000 on a service whose byte budget is smaller than that */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/shop_events.h"

#include <cstdio>
#include <memory>

namespace
{
enum { CLIENTS = 16 };

Outcome publish(const std::string &target, int batch, int clients, double seconds, uint64_t calls)
{
	Client client(target, "/api.analytics.v1.EventIngestService/PublishEvents", clients);
	std::vector<std::unique_ptr<ShopBatch>> batches;

	for (int i = 0; i < clients; i++)
		batches.push_back(std::make_unique<ShopBatch>(batch));
	return client.run(
		clients, seconds, calls,
		[&](int slot) { return borrow(batches[(size_t)slot]->next()); },
		[&](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), batch); });
}

void must_serve(const Outcome &o)
{
	if (!o.failed.empty() || !o.calls)
		fail("PublishEvents failed: " + o.first_failure);
}

void report(const std::string &load, int pid)
{
	Memory m = memory_of(pid);

	printf("(d) %-28s peak %.1f MiB resident; now %.1f resident, %.1f proportional\n",
	       load.c_str(), m.peak_mib, m.rss_mib, m.pss_mib);
}

void over_budget(const std::string &target, int pid, double seconds)
{
	Outcome o = publish(target, 5000, CLIENTS, seconds, UINT64_MAX);
	uint64_t exhausted =
		o.failed.count(grpc::RESOURCE_EXHAUSTED) ? o.failed[grpc::RESOURCE_EXHAUSTED] : 0;

	report("16 x 5000, small budget", pid);
	for (const auto &f : o.failed)
		printf("      gRPC status %d: %llu calls\n", f.first, (unsigned long long)f.second);
	printf("      stored: %llu calls\n", (unsigned long long)o.calls);
	must_serve(publish(target, 1, 1, 10, 1));
	verdict("(d) beyond the byte budget", (double)exhausted, "calls RESOURCE_EXHAUSTED",
		Target::at_least, 1);
	verdict("(d) beyond the byte budget", (double)(o.failed.size() - (exhausted > 0)),
		"other status codes", Target::at_most, 0);
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	std::string target = "127.0.0.1:" + o.text("port", "9017"), which = o.text("case", "small");
	int pid = (int)o.number("pid", 0);
	double seconds = o.number("seconds", 5);

	report("at start", pid);
	if (which == "over") {
		over_budget(target, pid, seconds);
	} else if (which == "large") {
		must_serve(publish(target, 5000, CLIENTS, seconds, UINT64_MAX));
		report("16 x 5000", pid);
		verdict("(d) 16 clients x 5,000", memory_of(pid).peak_mib, "MiB resident",
			Target::at_most, 256);
	} else {
		for (int batch : {1, 50, 500}) {
			must_serve(publish(target, batch, CLIENTS, seconds, UINT64_MAX));
			report("16 x " + std::to_string(batch), pid);
		}
		verdict("(d) batches up to 500", memory_of(pid).peak_mib, "MiB resident",
			Target::at_most, 100);
	}
	return 0;
}
