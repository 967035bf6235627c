/* test/bench/ingest.cc -- durable, deduplicated events per second through PublishEvents, in alternating
 * rounds (b) beside COPY BINARY of the same rows and (c) beside row-by-row autocommit.
 * Usage: bench_ingest --port=PORT --pid=PID --pg-pid=PID --db=CONNINFO [--rounds=N] [--seconds=S] [--quick]
 *        [--only=BATCHxCLIENTS] */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/pg.h"
#include "test/bench/shop_events.h"

#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>

namespace
{
struct Setup {
	std::string target, db;
	int pid, pg_pid, rounds;
	double seconds;
};

struct Publishing {
	double events_s, p50_ms, service_us, pg_us; /* CPU an event */
	long events;
};

/* Every client has a connection of its own and one request under way. */
Publishing publish(const Setup &s, int batch, int clients, double seconds)
{
	Client client(s.target, "/api.analytics.v1.EventIngestService/PublishEvents", clients);
	std::vector<std::unique_ptr<ShopBatch>> batches;

	for (int i = 0; i < clients; i++)
		batches.push_back(std::make_unique<ShopBatch>(batch));
	double service = cpu_s(s.pid), pg = cpu_s(s.pg_pid);
	Outcome o = client.run(
		clients, seconds, UINT64_MAX,
		[&](int slot) { return borrow(batches[(size_t)slot]->next()); },
		[&](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), batch); });

	if (!o.failed.empty())
		fail("PublishEvents failed: " + o.first_failure);
	double events = (double)o.calls * batch;

	return {events / o.seconds, quantile(o.latency_us, 0.5) / 1e3,
		(cpu_s(s.pid) - service) / events * 1e6, (cpu_s(s.pg_pid) - pg) / events * 1e6,
		(long)events};
}

/* Whole COPYs of `rows` rows, each a transaction, for about `seconds`: rows a second. */
double copy_rows(Pg &pg, const std::string &data, long rows, double seconds)
{
	double begin = now_s(), end;
	long done = 0;

	do {
		pg.copy_in("COPY bench_copy FROM STDIN (FORMAT binary)", data);
		done += rows;
		end = now_s();
	} while (end - begin < seconds);
	return (double)done / (end - begin);
}

double row_by_row(const Setup &s, const PGresult *rows, int clients, double seconds)
{
	std::atomic<long> stored{0};
	std::vector<std::unique_ptr<Pg>> connections;
	std::vector<std::unique_ptr<RowWriter>> writers;
	std::vector<std::thread> threads;

	for (int i = 0; i < clients; i++) {
		connections.push_back(std::make_unique<Pg>(s.db));
		writers.push_back(std::make_unique<RowWriter>(*connections.back(), rows));
	}
	double begin = now_s();

	for (auto &w : writers)
		threads.emplace_back([&stored, &w, begin, seconds] {
			for (int row = 0; now_s() - begin < seconds; row++, stored++)
				w->store_as_old_service(fresh_id(), row);
		});
	for (std::thread &t : threads)
		t.join();
	return (double)stored / (now_s() - begin);
}

void empty_tables(Pg &pg)
{
	pg.query("TRUNCATE analytics_events, processed_events, bench_copy, bench_rows, bench_row_ids");
	pg.query("CHECKPOINT");
}

void against_copy(const Setup &s, Pg &pg, const std::string &data, long rows, int batch,
		  int clients)
{
	std::vector<double> events, copied, ratio, latency, service, server;
	long sent = 0;

	empty_tables(pg);
	for (int r = 0; r <= s.rounds; r++) { /* round 0 warms up */
		double copy_first = r % 2 ? 0 : copy_rows(pg, data, rows, s.seconds);
		Publishing p = publish(s, batch, clients, s.seconds);
		double copy = r % 2 ? copy_rows(pg, data, rows, s.seconds) : copy_first;

		sent += p.events;
		if (!r)
			continue;
		events.push_back(p.events_s);
		copied.push_back(copy);
		ratio.push_back(p.events_s / copy);
		latency.push_back(p.p50_ms);
		service.push_back(p.service_us);
		server.push_back(p.pg_us);
	}
	if (pg.count("analytics_events") != sent)
		fail("analytics_events does not hold what was acknowledged");
	printf("%6d x %-3d %12.0f %12.0f %8.2f %10.2f %12.2f %14.2f\n", batch, clients,
	       median(events), median(copied), median(ratio), median(latency), median(service),
	       median(server));
	fflush(stdout);
	std::string name =
		"(b) " + std::to_string(batch) + " x " + std::to_string(clients) + " clients";

	if (clients == 4 && (batch == 500 || batch == 5000))
		verdict(name, median(ratio), "of COPY", Target::at_least,
			batch == 500 ? 0.35 : 0.45);
}

void against_rows(const Setup &s, Pg &pg, const PGresult *rows, bool scattered)
{
	std::vector<double> events, singles, ratio;
	std::string ids = scattered ? "random identities" : "identities that count up";

	scatter_ids(scattered);
	empty_tables(pg);
	for (int r = 0; r <= s.rounds; r++) {
		double e = publish(s, 500, 4, s.seconds).events_s;
		double one = row_by_row(s, rows, 4, s.seconds);

		if (!r)
			continue;
		events.push_back(e), singles.push_back(one), ratio.push_back(e / one);
	}
	scatter_ids(false);
	printf("\n(c) events/s, 4 clients, %s: PublishEvents by 500 %.0f, row by row %.0f\n", ids.c_str(),
	       median(events), median(singles));
	verdict("(c) 500 x 4 clients, " + ids, median(ratio), "times row by row", Target::at_least, 25);
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	bool quick = o.number("quick", 0) != 0;
	Setup s = {"127.0.0.1:" + o.text("port", "9017"),
		   o.text("db", ""),
		   (int)o.number("pid", 0),
		   (int)o.number("pg-pid", 0),
		   (int)o.number("rounds", quick ? 3 : 5),
		   o.number("seconds", quick ? 1 : 3)};
	std::string only = o.text("only", "");
	Pg pg(s.db);

	empty_tables(pg);
	publish(s, 500, 4, 2);
	std::string data = pg.copy_out(
		"COPY (SELECT * FROM analytics_events LIMIT 50000) TO STDOUT (FORMAT binary)");
	long rows = std::min(pg.count("analytics_events"), 50000L);
	PgResult sample = pg.query("SELECT * FROM analytics_events LIMIT 1000");

	printf("(b) COPY BINARY: %ld rows a COPY, %.0f bytes a row\n", rows,
	       (double)data.size() / (double)rows);
	printf("%-12s %12s %12s %8s %10s %12s %14s\n", "batch x clients", "events/s", "COPY rows/s",
	       "ratio", "p50 ms", "service us", "PostgreSQL us");
	for (int batch : {1, 50, 500, 5000})
		for (int clients : {1, 4, 16}) {
			std::string name = std::to_string(batch) + "x" + std::to_string(clients);

			if (only.empty() ? !quick || (clients == 4 && batch >= 500) : name == only)
				against_copy(s, pg, data, rows, batch, clients);
		}
	for (bool scattered : {false, true})
		if (only.empty())
			against_rows(s, pg, sample.get(), scattered);
	return 0;
}
