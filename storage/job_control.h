/* storage/job_control.h -- what a door may ask of the jobs of its process, without knowing them.
 * Memory: the scheduler's. Threads: the reactor. Blocking: never. */
#ifndef STORAGE_JOB_CONTROL_H
#define STORAGE_JOB_CONTROL_H

#include "storage/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct job_info {
	const char *name, *catch_up;  /* each, last; NULL: on demand */
	char schedule[48];
	int64_t next_us;              /* the next slot, since 1970 UTC; 0: none */
};

/* A run asked for by hand. In the caller's memory until done was called or forgotten. */
struct job_ask {
	/* Once, never from inside run: its end. ERR_PRECONDITION: it runs already. */
	void (*done)(struct job_ask *a, enum err_code c, const struct err *e);
	int64_t slot_us;              /* set by run: the key of its row in job_runs */
};

struct job_control {
	size_t n;
	void (*info)(struct job_control *j, size_t i, struct job_info *out);
	/* day: 2026-11-23, NULL: as the schedule has it. ERR_NOT_FOUND: no such job; ERR_QUOTA: too many at once. */
	enum err_code (*run)(struct job_control *j, const char *name, const char *day, struct job_ask *a,
			     struct err *e);
	void (*forget)(struct job_control *j, struct job_ask *a); /* the run goes on; done is not called any more */
};

#endif
