/* test/bench/http.cc -- (h) the bus's deliveries over HTTP, single and bulk, beside PublishEvents with as many
 * events a request from as many clients, in alternating rounds.
 * Usage: bench_http --port=GRPC --http=HTTP --pid=PID --pg-pid=PID --db=CONNINFO [--rounds=N] [--seconds=S] */
#include "test/bench/client.h"
#include "test/bench/measure.h"
#include "test/bench/pg.h"
#include "test/bench/shop_events.h"

#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace
{
struct Setup {
	std::string target, db;
	int http, pid, pg_pid, rounds;
	double seconds;
};

struct Round {
	double events_s, p50_ms, service_us, pg_us; /* CPU an event */
	long events;
};

/* A connection with one request under way. */
class Connection
{
public:
	Connection(int port, int n)
	    : batch(n, n == 1 ? Form::single : Form::bulk), events(n),
	      fd(socket(AF_INET, SOCK_STREAM, 0))
	{
		struct sockaddr_in to = {};
		int on = 1;

		to.sin_family = AF_INET;
		to.sin_port = htons((uint16_t)port);
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
			fail("HTTP: cannot connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	Connection(const Connection &) = delete;
	Connection &operator=(const Connection &) = delete;
	~Connection() { close(fd); }

	int descriptor() const { return fd; }

	void send_next()
	{
		const std::string &body = batch.next();

		request = "POST /events/orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/" +
			  std::string(events == 1 ? "cloudevents+json" : "json") +
			  "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
		answer.clear();
		begin = now_s();
		for (size_t at = 0; at < request.size();) { /* it fits the socket, or the service is reading */
			ssize_t n = write(fd, &request[at], request.size() - at);

			if (n <= 0)
				fail("HTTP: cannot send");
			at += (size_t)n;
		}
	}

	/* True when the answer is whole; it took *us. */
	bool receive(double *us)
	{
		char part[65536];
		ssize_t n = read(fd, part, sizeof(part));
		size_t head, length;

		if (n <= 0)
			fail("HTTP: the connection ended");
		answer.append(part, (size_t)n);
		head = answer.find("\r\n\r\n");
		if (head == std::string::npos)
			return false;
		length = answer.find("Content-Length: ");
		if (length > head)
			fail("HTTP: an answer without its length");
		if (answer.size() < head + 4 + strtoul(&answer[length + 16], nullptr, 10))
			return false;
		*us = (now_s() - begin) * 1e6;
		must_be_stored(head);
		return true;
	}

private:
	void must_be_stored(size_t head) const
	{
		static const std::string stored = "\"result\":\"stored\"";
		int n = 0;

		for (size_t at = head; (at = answer.find(stored, at)) != std::string::npos; at++)
			n++;
		if (n != events)
			fail("HTTP: not all is stored: " + answer.substr(0, 400));
	}

	ShopBatch batch;
	int events, fd;
	std::string request, answer;
	double begin = 0;
};

Round deliver(const Setup &s, int events, int clients)
{
	std::vector<std::unique_ptr<Connection>> all;
	std::vector<struct pollfd> polled;
	std::vector<double> took;
	double service = cpu_s(s.pid), pg = cpu_s(s.pg_pid), begin = now_s(), end = begin, us;
	int waiting = clients;

	for (int i = 0; i < clients; i++) {
		all.push_back(std::make_unique<Connection>(s.http, events));
		polled.push_back({all.back()->descriptor(), POLLIN, 0});
	}
	for (auto &c : all)
		c->send_next();
	while (waiting) {
		if (poll(polled.data(), polled.size(), 20000) <= 0)
			fail("HTTP: no answer");
		end = now_s();
		for (size_t i = 0; i < all.size(); i++) {
			if (!polled[i].revents || !all[i]->receive(&us))
				continue;
			took.push_back(us);
			if (end - begin < s.seconds)
				all[i]->send_next();
			else
				waiting--;
		}
	}
	double n = (double)took.size() * events;

	return {n / (end - begin), quantile(took, 0.5) / 1e3, (cpu_s(s.pid) - service) / n * 1e6,
		(cpu_s(s.pg_pid) - pg) / n * 1e6, (long)n};
}

Round publish(const Setup &s, int events, int clients)
{
	Client client(s.target, "/api.analytics.v1.EventIngestService/PublishEvents", clients);
	std::vector<std::unique_ptr<ShopBatch>> batches;

	for (int i = 0; i < clients; i++)
		batches.push_back(std::make_unique<ShopBatch>(events));
	double service = cpu_s(s.pid), pg = cpu_s(s.pg_pid);
	Outcome o = client.run(
		clients, s.seconds, UINT64_MAX,
		[&](int slot) { return borrow(batches[(size_t)slot]->next()); },
		[&](int, const grpc::ByteBuffer &reply) { must_accept(flatten(reply), events); });

	if (!o.failed.empty())
		fail("PublishEvents failed: " + o.first_failure);
	double n = (double)o.calls * events;

	return {n / o.seconds, quantile(o.latency_us, 0.5) / 1e3, (cpu_s(s.pid) - service) / n * 1e6,
		(cpu_s(s.pg_pid) - pg) / n * 1e6, (long)n};
}

void show(const char *way, int events, int clients, const std::vector<Round> &rounds)
{
	std::vector<double> v[4];

	for (const Round &r : rounds) {
		v[0].push_back(r.events_s), v[1].push_back(r.p50_ms);
		v[2].push_back(r.service_us), v[3].push_back(r.pg_us);
	}
	printf("%-14s %6d x %-3d %12.0f %10.2f %12.2f %14.2f\n", way, events, clients, median(v[0]), median(v[1]),
	       median(v[2]), median(v[3]));
	fflush(stdout);
}

void compare(const Setup &s, Pg &pg, int events, int clients)
{
	std::vector<Round> over_http, over_grpc;
	std::vector<double> ratio;
	long sent = 0;

	pg.query("TRUNCATE analytics_events, processed_events");
	pg.query("CHECKPOINT");
	for (int r = 0; r <= s.rounds; r++) { /* round 0 warms up */
		Round first = r % 2 ? deliver(s, events, clients) : publish(s, events, clients);
		Round second = r % 2 ? publish(s, events, clients) : deliver(s, events, clients);

		sent += first.events + second.events;
		if (!r)
			continue;
		over_http.push_back(r % 2 ? first : second);
		over_grpc.push_back(r % 2 ? second : first);
		ratio.push_back(over_http.back().events_s / over_grpc.back().events_s);
	}
	if (pg.count("analytics_events") != sent)
		fail("analytics_events does not hold what was acknowledged");
	show(events == 1 ? "POST single" : "POST bulk", events, clients, over_http);
	show("PublishEvents", events, clients, over_grpc);
	printf("(h) %d x %d clients: HTTP is %.2f of PublishEvents\n", events, clients, median(ratio));
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	Setup s = {"127.0.0.1:" + o.text("port", "9017"),
		   o.text("db", ""),
		   (int)o.number("http", 8017),
		   (int)o.number("pid", 0),
		   (int)o.number("pg-pid", 0),
		   (int)o.number("rounds", 5),
		   o.number("seconds", 3)};
	Pg pg(s.db);

	printf("%-14s %-12s %12s %10s %12s %14s\n", "(h)", "events x cl.", "events/s", "p50 ms", "service us",
	       "PostgreSQL us");
	compare(s, pg, 1, 64);
	compare(s, pg, 100, 4);
	compare(s, pg, 100, 16);
	return 0;
}
