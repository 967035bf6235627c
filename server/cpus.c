#include "server/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 1024 };

/* quota / period in whole CPUs; UINT_MAX: no limit here. */
static unsigned whole_cpus(long long quota, long long period)
{
	if (quota <= 0 || period <= 0)
		return UINT_MAX;
	return quota < period ? 1 : (unsigned)(quota / period);
}

static bool read_number(const char *dir, const char *file, long long *to)
{
	char path[PATH_BYTES + 64];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%lld", to) == 1; /* "max" is no number: no limit */
	fclose(f);
	return ok;
}

static unsigned limit_v2(const char *dir)
{
	char path[PATH_BYTES + 64];
	long long quota = 0, period = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpu.max", dir);
	f = fopen(path, "re");
	if (!f)
		return UINT_MAX;
	if (fscanf(f, "%lld %lld", &quota, &period) != 2)
		quota = 0;
	fclose(f);
	return whole_cpus(quota, period);
}

static unsigned limit_v1(const char *dir)
{
	long long quota, period;

	if (!read_number(dir, "cpu.cfs_quota_us", &quota) || !read_number(dir, "cpu.cfs_period_us", &period))
		return UINT_MAX;
	return whole_cpus(quota, period);
}

/* The least limit from dir up to mount. In a container the path may name a directory that is not mounted
 * there; its mount root, which is looked at as well, is then the container's own. */
static unsigned least(char *dir, size_t mount, unsigned (*limit)(const char *))
{
	unsigned n = UINT_MAX;

	for (;;) {
		unsigned here = limit(dir);
		char *slash;

		n = here < n ? here : n;
		slash = strrchr(dir, '/');
		if (strlen(dir) <= mount || !slash)
			return n;
		*slash = 0;
		if (strlen(dir) < mount)
			return n;
	}
}

static unsigned look(const char *root, const char *mount, const char *path, unsigned (*limit)(const char *))
{
	char dir[PATH_BYTES];
	int at = snprintf(dir, sizeof(dir), "%s%s", root, mount);

	if (at < 0 || (size_t)at >= sizeof(dir))
		return UINT_MAX;
	if (strcmp(path, "/"))
		snprintf(dir + at, sizeof(dir) - (size_t)at, "%s", path);
	return least(dir, (size_t)at, limit);
}

static bool has_cpu(const char *controllers)
{
	size_t n = strcspn(controllers, ":");

	for (const char *p = controllers; p < controllers + n; p += strcspn(p, ",:") + 1)
		if (!strncmp(p, "cpu", 3) && (p[3] == ',' || p[3] == ':'))
			return true;
	return false;
}

unsigned cpus_quota(const char *root)
{
	char line[PATH_BYTES];
	unsigned n = UINT_MAX;
	FILE *f;

	snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	f = fopen(line, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) { /* hierarchy:controllers:path */
		char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
		unsigned here = UINT_MAX;

		line[strcspn(line, "\n")] = 0;
		if (!path)
			continue;
		if (path == controllers + 1)
			here = look(root, "/sys/fs/cgroup", path + 1, limit_v2);
		else if (has_cpu(controllers + 1))
			here = look(root, "/sys/fs/cgroup/cpu", path + 1, limit_v1);
		n = here < n ? here : n;
	}
	fclose(f);
	return n == UINT_MAX ? 0 : n;
}

unsigned cpus_granted(void)
{
	unsigned quota = cpus_quota(""), mask = 1;
	cpu_set_t set;

	if (!sched_getaffinity(0, sizeof(set), &set))
		mask = (unsigned)CPU_COUNT(&set);
	return quota && quota < mask ? quota : mask;
}
