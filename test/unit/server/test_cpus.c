#include "server/cpus.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[32];

static void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/test_cpus_XXXXXX");
	cr_assert_not_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes text to path below the made-up root, directories on the way included. */
static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	cr_assert_not_null(f, "%s", full);
	fputs(text, f);
	fclose(f);
}

TestSuite(cpus, .init = make_root, .fini = remove_root);

Test(cpus, nothing_mounted_is_no_limit)
{
	cr_expect_eq(cpus_quota(root), 0);
}

Test(cpus, v2_quota_of_the_own_group)
{
	put("/proc/self/cgroup", "0::/pod/main\n");
	put("/sys/fs/cgroup/pod/main/cpu.max", "350000 100000\n");
	cr_expect_eq(cpus_quota(root), 3);
}

Test(cpus, v2_the_tightest_ancestor_counts)
{
	put("/proc/self/cgroup", "0::/pod/main\n");
	put("/sys/fs/cgroup/pod/main/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/pod/cpu.max", "200000 100000\n");
	cr_expect_eq(cpus_quota(root), 2);
}

Test(cpus, v2_in_a_container_the_mount_root_is_the_own_group)
{
	put("/proc/self/cgroup", "0::/../elsewhere\n");
	put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
	cr_expect_eq(cpus_quota(root), 1);
}

Test(cpus, less_than_one_is_one)
{
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cpu.max", "20000 100000\n");
	cr_expect_eq(cpus_quota(root), 1);
}

Test(cpus, v2_max_is_no_limit)
{
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cpu.max", "max 100000\n");
	cr_expect_eq(cpus_quota(root), 0);
}

Test(cpus, v1_quota)
{
	put("/proc/self/cgroup", "9:cpuset:/x\n4:cpu,cpuacct:/pod\n0::/\n");
	put("/sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "400000\n");
	put("/sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n");
	cr_expect_eq(cpus_quota(root), 4);
}

Test(cpus, v1_minus_one_is_no_limit)
{
	put("/proc/self/cgroup", "1:cpu:/\n");
	put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	cr_expect_eq(cpus_quota(root), 0);
}

Test(cpus, this_process_has_at_least_one)
{
	cr_expect_geq(cpus_granted(), 1);
}
