/* test/bench/projector.cc -- what keeping the answers fresh costs ingestion: events per second by 500 from four
 * clients without a pause, and how far the projector is behind meanwhile (the age of the oldest mark, looked at
 * ten times a second) and how long it takes to catch up afterwards.
 * Usage: bench_projector --port=PORT --pid=PID --pg-pid=PID --db=CONNINFO [--seconds=S] */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/pg.h"
#include "test/bench/shop_events.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>
#include <unistd.h>

namespace
{
enum { BATCH = 500, CLIENTS = 4, CATCH_UP_S = 120 };

double lag_s(Pg &pg)
{
	PgResult r = pg.query("SELECT coalesce(extract(epoch FROM clock_timestamp() - min(made_at)), 0)::float8 "
			      "FROM projection_marks");

	return atof(PQgetvalue(r.get(), 0, 0));
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	int pid = (int)o.number("pid", 0), pg_pid = (int)o.number("pg-pid", 0);
	double seconds = o.number("seconds", 10);
	Pg pg(o.text("db", ""));
	Client client("127.0.0.1:" + o.text("port", "9017"), "/api.analytics.v1.EventIngestService/PublishEvents",
		      CLIENTS);
	std::vector<std::unique_ptr<ShopBatch>> batches;
	std::vector<double> lags;
	std::atomic<bool> over{false};

	for (int i = 0; i < CLIENTS; i++)
		batches.push_back(std::make_unique<ShopBatch>(BATCH));
	std::thread looking([&] {
		while (!over) {
			lags.push_back(lag_s(pg));
			usleep(100000);
		}
	});
	double service = cpu_s(pid), server = cpu_s(pg_pid);
	Outcome done = client.run(
		CLIENTS, seconds, UINT64_MAX,
		[&](int slot) { return borrow(batches[(size_t)slot]->next()); },
		[&](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), BATCH); });

	over = true;
	looking.join();
	if (!done.failed.empty())
		fail("PublishEvents failed: " + done.first_failure);
	double events = (double)done.calls * BATCH, behind = now_s();

	service = (cpu_s(pid) - service) / events * 1e6;
	server = (cpu_s(pg_pid) - server) / events * 1e6;
	while (o.number("projector", 1) && lag_s(pg) > 0 && now_s() - behind < CATCH_UP_S)
		usleep(20000);
	printf("events/s %.0f  lag median %.2f s, most %.2f s, caught up after %.2f s  CPU us an event: service %.1f, "
	       "PostgreSQL %.1f\n",
	       events / done.seconds, quantile(lags, 0.5), *std::max_element(lags.begin(), lags.end()),
	       now_s() - behind, service, server);
	return 0;
}
