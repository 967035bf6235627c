/* test/bench/health.cc -- (a) what a health check costs the server, ours beside grpc++'s: CPU a call and
 * latency, at saturation and one call at a time, in alternating rounds.
 * Usage: bench_health --ours=PORT --ours-pid=PID --grpcpp=PORT --grpcpp-pid=PID [--rounds=N] [--seconds=S] */
#include "test/bench/client.h"
#include "test/bench/measure.h"

#include <cstdio>

namespace
{
struct Server {
	const char *name;
	std::string target;
	int pid;
};

struct Load {
	const char *name;
	int outstanding, channels;
};

struct Figures {
	double cpu_us, p50_us, p99_us, calls_s, busy;
};

Figures measure(const Server &s, const Load &l, double seconds)
{
	static const std::string serving("\x08\x01", 2);
	static const std::string empty;
	Client client(s.target, "/grpc.health.v1.Health/Check", l.channels);
	auto request = [](int) { return borrow(empty); };
	auto check = [](int, const grpc::ByteBuffer &reply) {
		if (flatten(reply) != serving)
			fail("a health check did not answer SERVING");
	};

	client.run(l.outstanding, seconds / 4, UINT64_MAX, request, check); /* warm */
	double cpu = cpu_s(s.pid);
	Outcome o = client.run(l.outstanding, seconds, UINT64_MAX, request, check);

	cpu = cpu_s(s.pid) - cpu;
	if (!o.failed.empty() || !o.calls)
		fail(std::string(s.name) + ": health checks failed: " + o.first_failure);
	double calls = (double)o.calls;

	return {cpu / calls * 1e6, quantile(o.latency_us, 0.5), quantile(o.latency_us, 0.99),
		calls / o.seconds, cpu / o.seconds};
}

double column(const std::vector<Figures> &rounds, double Figures::*f)
{
	std::vector<double> v;

	for (const Figures &r : rounds)
		v.push_back(r.*f);
	return median(v);
}

void compare(const Server (&servers)[2], const Load &l, int rounds, double seconds)
{
	std::vector<Figures> got[2];
	std::vector<double> cpu, p99;

	for (int r = 0; r < rounds; r++) {
		for (int k = 0; k < 2; k++) {
			int i = r % 2 ? 1 - k : k;

			got[i].push_back(measure(servers[i], l, seconds));
		}
		cpu.push_back(got[0].back().cpu_us / got[1].back().cpu_us);
		p99.push_back(got[0].back().p99_us / got[1].back().p99_us);
	}
	for (int i = 0; i < 2; i++)
		printf("%-20s %-10s %10.2f %10.1f %10.1f %10.0f %10.2f\n", l.name, servers[i].name,
		       column(got[i], &Figures::cpu_us), column(got[i], &Figures::p50_us),
		       column(got[i], &Figures::p99_us), column(got[i], &Figures::calls_s),
		       column(got[i], &Figures::busy));
	verdict(std::string("(a) ") + l.name, median(cpu), "of grpc++'s CPU per call",
		Target::at_most, 1.1);
	printf("      (a) %s: %.2f of grpc++'s p99\n", l.name, median(p99));
}
} // namespace

int main(int argc, char **argv)
{
	Options o(argc, argv);
	const Server servers[2] = {
		{"analyticsd", "127.0.0.1:" + o.text("ours", "9017"), (int)o.number("ours-pid", 0)},
		{"grpc++", "127.0.0.1:" + o.text("grpcpp", "9018"), (int)o.number("grpcpp-pid", 0)},
	};
	int rounds = (int)o.number("rounds", 7);
	double seconds = o.number("seconds", 2);

	printf("%-20s %-10s %10s %10s %10s %10s %10s\n", "(a) health check", "server", "CPU us",
	       "p50 us", "p99 us", "calls/s", "busy");
	compare(servers, {"64 at once", 64, 8}, rounds, seconds);
	compare(servers, {"one at a time", 1, 1}, rounds, seconds);
	return 0;
}
