/* jobs/scheduler.h -- starts jobs when they are due (jobs/job_table.h), and those that are asked for.
 * Each worker of each replica has one: whoever takes a slot first runs it. A periodic watcher a job fires at its
 * slots; besides, every few seconds the history (job_runs) is looked at, which catches up what was missed while
 * nobody ran, takes over from the dead, and shows the last successes in the metrics.
 * Memory: fixed; a few runs at once. Threads: the reactor. Blocking: never. Errors: to the history and the log. */
#ifndef JOBS_SCHEDULER_H
#define JOBS_SCHEDULER_H

#include "storage/job_control.h"
#include "storage/job_run.h"

/* Work of a row of the table that lives elsewhere. */
struct job_work {
	const char *name;            /* NULL ends the list */
	job_fn *start;
	void *ctx;
};

struct scheduler;

/* place and work outlive it. by_itself: runs what is due; false: only what is asked for. */
MUST_CHECK enum err_code scheduler_create(struct scheduler **out, const struct job_place *place,
					  const struct job_work *work, bool by_itself, struct err *e);
struct job_control *scheduler_control(struct scheduler *s);
void scheduler_drain(struct scheduler *s);             /* nothing new; what runs is told to end */
bool scheduler_quiet(const struct scheduler *s);       /* nothing runs */
struct scheduler *scheduler_destroy(struct scheduler *s); /* after the pools; NULL-safe; returns NULL */

#endif
