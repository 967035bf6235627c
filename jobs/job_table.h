/* jobs/job_table.h -- every job: one row each in job_table.c, and a file. */
#ifndef JOBS_JOB_TABLE_H
#define JOBS_JOB_TABLE_H

#include "jobs/schedule.h"
#include "storage/job_run.h"

/* Of slots that were missed: each one in order, as it belongs to a date; or the last one only. */
enum catch_up { EACH, LAST };

struct job {
	const char *name;
	struct schedule when;
	enum catch_up catch_up;
	uint8_t days_back;           /* the business day it is about, counted from the slot's own */
	uint32_t timeout_s;
	job_fn *start;               /* NULL: its work is given to scheduler_create */
};

extern const struct job job_table[];  /* ends with a NULL name */
enum { JOBS_MAX = 32 };

const struct job *job_find(const char *name);  /* NULL: none */

#endif
