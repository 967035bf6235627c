/* test/bench/latency.cc -- (e) one event alone on an idle service, beside a health check and a single-row
 * commit on the same PostgreSQL, in alternating rounds.
 * Usage: bench_latency --port=PORT --db=CONNINFO [--rounds=N] [--calls=N] */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/pg.h"
#include "test/bench/shop_events.h"

#include <cstdio>

namespace
{
double health_us(const std::string &target, uint64_t calls)
{
	static const std::string empty;
	Client client(target, "/grpc.health.v1.Health/Check", 1);
	Outcome o = client.run(
		1, 60, calls, [](int) { return borrow(empty); },
		[](int, const grpc::ByteBuffer &) {});

	if (o.calls != calls)
		fail("health checks failed: " + o.first_failure);
	return quantile(o.latency_us, 0.5);
}

double event_us(const std::string &target, uint64_t calls)
{
	ShopBatch one(1);
	Client client(target, "/api.analytics.v1.EventIngestService/PublishEvents", 1);
	Outcome o = client.run(
		1, 60, calls, [&](int) { return borrow(one.next()); },
		[](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), 1); });

	if (o.calls != calls)
		fail("PublishEvents failed: " + o.first_failure);
	return quantile(o.latency_us, 0.5);
}

double commit_us(RowWriter &writer, int calls)
{
	std::vector<double> took;

	for (int i = 0; i < calls; i++) {
		double begin = now_s();

		writer.insert_event(fresh_id(), i);
		took.push_back((now_s() - begin) * 1e6);
	}
	return quantile(took, 0.5);
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	std::string target = "127.0.0.1:" + o.text("port", "9017");
	int rounds = (int)o.number("rounds", 7), calls = (int)o.number("calls", 400);
	std::vector<double> health, event, commit, ratio;
	Pg pg(o.text("db", ""));

	event_us(target, 100); /* warm, and rows to copy */
	PgResult rows = pg.query("SELECT * FROM analytics_events LIMIT 100");
	RowWriter writer(pg, rows.get());

	for (int r = 0; r < rounds; r++) {
		health.push_back(health_us(target, (uint64_t)calls));
		event.push_back(event_us(target, (uint64_t)calls));
		commit.push_back(commit_us(writer, calls));
		ratio.push_back(event.back() / (health.back() + commit.back()));
	}
	printf("(e) p50: one event alone %.0f us, a health check %.0f us, a single-row commit %.0f "
	       "us\n",
	       median(event), median(health), median(commit));
	verdict("(e) one event alone", median(ratio), "of a health check and a commit",
		Target::at_most, 1.5);
	return 0;
}
