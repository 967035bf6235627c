/* test/bench/latency.cc -- (e) one event alone on an idle service, beside a health check and a single-row
 * commit on the same PostgreSQL, in alternating rounds.
 * Each begins its round with calls that are not counted: until then the processes run on the CPUs where the one
 * before has left them.
 * Usage: bench_latency --port=PORT --db=CONNINFO [--rounds=N] [--calls=N] [--uncounted=N] [--with=SETTINGS] */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/pg.h"
#include "test/bench/shop_events.h"

#include <cstdio>

namespace
{
struct Calls {
	int uncounted, counted;
};

double p50_of_counted(std::vector<double> took, Calls n)
{
	took.erase(took.begin(), took.begin() + n.uncounted);
	return quantile(took, 0.5);
}

/* One call after the other: the median of those that count. */
double calls_us(const std::string &target, const std::string &path, Calls n, const Client::request_fn &request,
		const Client::reply_fn &reply)
{
	Client client(target, path, 1);
	uint64_t calls = (uint64_t)(n.uncounted + n.counted);
	Outcome o = client.run(1, 60, calls, request, reply);

	if (o.calls != calls)
		fail(path + " failed or took over a minute: " + o.first_failure);
	return p50_of_counted(o.latency_us, n);
}

double health_us(const std::string &target, Calls n)
{
	static const std::string empty;

	return calls_us(
		target, "/grpc.health.v1.Health/Check", n, [](int) { return borrow(empty); },
		[](int, const grpc::ByteBuffer &) {});
}

double event_us(const std::string &target, Calls n)
{
	ShopBatch one(1);

	return calls_us(
		target, "/api.analytics.v1.EventIngestService/PublishEvents", n, [&](int) { return borrow(one.next()); },
		[](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), 1); });
}

double commit_us(RowWriter &writer, Calls n)
{
	std::vector<double> took;

	for (int i = 0; i < n.uncounted + n.counted; i++) {
		double begin = now_s();

		writer.insert_event(fresh_id(), i);
		took.push_back((now_s() - begin) * 1e6);
	}
	return p50_of_counted(took, n);
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	std::string target = "127.0.0.1:" + o.text("port", "9017");
	std::string name = "(e) one event alone, " + o.text("with", "everything on");
	int rounds = (int)o.number("rounds", 7);
	Calls n = {(int)o.number("uncounted", 500), (int)o.number("calls", 1000)};
	std::vector<double> health, event, commit, ratio;
	Pg pg(o.text("db", ""));

	event_us(target, {0, 100}); /* warm, and rows to copy */
	PgResult rows = pg.query("SELECT * FROM analytics_events LIMIT 100");
	RowWriter writer(pg, rows.get());

	for (int r = 0; r < rounds; r++) {
		health.push_back(health_us(target, n));
		event.push_back(event_us(target, n));
		commit.push_back(commit_us(writer, n));
		ratio.push_back(event.back() / (health.back() + commit.back()));
	}
	printf("%s: p50 %.0f us, a health check %.0f us, a single-row commit %.0f us\n", name.c_str(), median(event),
	       median(health), median(commit));
	verdict(name, median(ratio), "of a health check and a commit", Target::at_most, 1.5);
	return 0;
}
