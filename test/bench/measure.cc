#include "test/bench/measure.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>
#include <unistd.h>

void fail(const std::string &why)
{
	fprintf(stderr, "bench: %s\n", why.c_str());
	exit(1);
}

double now_s()
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double quantile(std::vector<double> &v, double q)
{
	if (v.empty())
		return 0;
	auto at = v.begin() + (long)(q * (double)(v.size() - 1) + 0.5);

	std::nth_element(v.begin(), at, v.end());
	return *at;
}

double median(std::vector<double> v)
{
	std::sort(v.begin(), v.end());
	size_t n = v.size();

	return !n ? 0 : n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static std::string slurp(const std::string &path)
{
	std::ifstream f(path);
	std::stringstream s;

	s << f.rdbuf();
	return s.str();
}

static std::vector<int> with_children(int pid)
{
	std::vector<int> all{pid};

	for (size_t i = 0; i < all.size(); i++) {
		std::string p = std::to_string(all[i]);
		std::istringstream children(slurp("/proc/" + p + "/task/" + p + "/children"));

		for (int child; children >> child;)
			all.push_back(child);
	}
	return all;
}

double cpu_s(int pid)
{
	double ticks = 0;

	for (int p : with_children(pid)) {
		std::string stat = slurp("/proc/" + std::to_string(p) + "/stat");
		size_t name_end = stat.rfind(')');

		if (name_end == std::string::npos && p == pid)
			fail("process " + std::to_string(p) + " is gone");
		if (name_end == std::string::npos)
			continue; /* a child that has just ended */
		std::istringstream rest(stat.substr(name_end + 1));
		std::string skipped;
		double user, system, ended_user, ended_system; /* the latter: of children that were waited for */

		for (int field = 3; field < 14; field++)
			rest >> skipped;
		rest >> user >> system >> ended_user >> ended_system;
		ticks += user + system + ended_user + ended_system;
	}
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

static double field_mib(const std::string &text, const std::string &name)
{
	size_t at = text.find(name);

	return at == std::string::npos ? 0 : atof(text.c_str() + at + name.size()) / 1024;
}

Memory memory_of(int pid)
{
	Memory m;

	for (int p : with_children(pid)) {
		std::string dir = "/proc/" + std::to_string(p);
		std::string status = slurp(dir + "/status");

		m.rss_mib += field_mib(status, "VmRSS:");
		m.peak_mib += field_mib(status, "VmHWM:");
		m.pss_mib += field_mib(slurp(dir + "/smaps_rollup"), "Pss:");
	}
	return m;
}

Options::Options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		std::string arg = argv[i];
		size_t eq = arg.find('=');

		if (arg.rfind("--", 0) != 0)
			fail("not an option: " + arg);
		given[arg.substr(2, eq == std::string::npos ? eq : eq - 2)] =
			eq == std::string::npos ? "1" : arg.substr(eq + 1);
	}
}

std::string Options::text(const std::string &name, const std::string &otherwise) const
{
	auto it = given.find(name);

	return it == given.end() ? otherwise : it->second;
}

double Options::number(const std::string &name, double otherwise) const
{
	auto it = given.find(name);

	return it == given.end() ? otherwise : atof(it->second.c_str());
}

void verdict(const std::string &what, double value, const std::string &unit, Target kind,
	     double target)
{
	bool met = kind == Target::at_most ? value <= target : value >= target;

	printf("RATIO %s: %.2f %s (target at %s %g)%s\n", what.c_str(), value, unit.c_str(),
	       kind == Target::at_most ? "most" : "least", target, met ? "" : "  MISSED");
	fflush(stdout);
}
