/* server/cpus.h -- how many CPUs this process may use. Blocking: reads /proc and /sys, so only at start. */
#ifndef SERVER_CPUS_H
#define SERVER_CPUS_H

/* What the cgroup grants (v2 or v1, any ancestor), whole CPUs rounded down, no more than the affinity mask
 * allows; at least 1. */
unsigned cpus_granted(void);

/* The cgroup's part of it, with /proc and /sys below root ("" for the real ones); 0: no limit. */
unsigned cpus_quota(const char *root);

#endif
