/* test/bench/measure.h -- clocks, medians, and what a process and its children have used.
 * Errors: a broken benchmark prints why and exits with 1 (fail). */
#ifndef TEST_BENCH_MEASURE_H
#define TEST_BENCH_MEASURE_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

[[noreturn]] void fail(const std::string &why);

double now_s(); /* monotonic */

/* 0 <= q <= 1; 0 for an empty list. Reorders v. */
double quantile(std::vector<double> &v, double q);
double median(std::vector<double> v);

struct Memory {
	double rss_mib = 0;  /* resident now, summed */
	double pss_mib = 0;  /* the same, shared pages divided among their users */
	double peak_mib = 0; /* each process's highest resident size so far, summed */
};

double cpu_s(int pid);       /* user + system time of pid and its children that live */
Memory memory_of(int pid);   /* of pid and its children */

/* --name=value pairs; a bare --name is "1". Fails on anything else. */
struct Options {
	Options(int argc, char **argv);
	std::string text(const std::string &name, const std::string &otherwise) const;
	double number(const std::string &name, double otherwise) const;

private:
	std::map<std::string, std::string> given;
};

/* One promised ratio: "(b) 500 x 4 clients: 0.41 of COPY (target at least 0.35)". */
enum class Target { at_most, at_least };
void verdict(const std::string &what, double value, const std::string &unit, Target kind, double target);

#endif
