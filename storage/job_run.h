/* storage/job_run.h -- one run of a job: taken with a lease and a fencing number, renewed while it works,
 * settled at its end. Of all replicas and workers one has a slot at a time; one that was stopped or cut off
 * finds its transactions refused, as each of them ends with a look at the fencing number.
 * This is what a job's work sees, wherever it lives: jobs/ or server/. It starts when its function is called,
 * and ends with job_end, exactly once, now or later on the reactor.
 * Memory: embedded in its owner, until ended() was called; an arena that lives as long as the run works. Threads: the reactor. Blocking: never.
 * Errors: a transaction that fails ends the run. */
#ifndef STORAGE_JOB_RUN_H
#define STORAGE_JOB_RUN_H

#include "storage/base/arena.h"
#include "storage/base/buf.h"
#include "storage/pg/pool.h"

enum {
	JOB_ATTEMPTS = 5,
	JOB_MAX_STATEMENTS = POOL_MAX_STATEMENTS - 1,
	JOB_DETAIL_BYTES = 16 << 10,
	JOB_ARENA_BYTES = 4 << 20,
};

struct order_count;
struct job_run;
typedef void job_fn(struct job_run *r);

/* Where a job runs. */
struct job_place {
	const struct conf *conf;
	struct loop *loop;
	struct pool *leases;         /* takes, renews, settles */
	struct pool *work;           /* the jobs' own statements, which may take long */
	struct order_count *orders;  /* storage/order_count.h; NULL: there is nobody to ask */
	struct offload *offload;     /* for work with a connection of its own */
};

struct job_run {
	/* Set by the owner. */
	const struct job_place *place;
	const char *job;             /* its name */
	job_fn *start;
	void *ctx;                   /* the work's */
	int64_t slot_us;             /* since 1970 UTC */
	char day[16];                /* the business day it is about: 2026-11-23 */
	bool by_hand;
	uint32_t timeout_s;
	/* Once each. begun: whether it was taken; if it was not, or c says why that is not known, nothing follows. */
	void (*begun)(struct job_run *r, enum err_code c, bool taken);
	void (*ended)(struct job_run *r, enum err_code c, const struct err *e);
	void *owner;

	/* For the work. */
	char slot[32], fence[24];    /* as parameters of statements */
	struct arena arena;
	struct buf detail;           /* a JSON object for the history, written by the work; or empty */
	bool stopping;               /* it should end: the service drains, the lease is lost, its time is over */
	void (*on_stop)(struct job_run *r); /* set by work that waits for something other than job_tx; calls job_end soon */
	void *state;                 /* the work's */

	/* Private. */
	void (*next)(struct job_run *r, PGresult *const *results);
	struct pool_query tx, control;
	ev_timer renewal;
	bool in_tx, renewing, done, settling, no_memory;
	enum err_code why;           /* it was stopped; of its end */
	struct err failure;
	uint64_t started_us, renewed_us; /* monotonic */
	char lease[16], attempts[8], owner_name[96];
};

/* ERR_OK: begun() follows. */
MUST_CHECK enum err_code job_run_take(struct job_run *r, struct err *e);
/* The end is near: its work is told; what did not end by itself is given back for another to take. */
void job_run_stop(struct job_run *r, enum err_code why);
/* When the loop and the pools are gone: frees what the run still holds. */
void job_run_reset(struct job_run *r);

/* For the work: statements and the look at the fencing number in one transaction; then next, with their results,
 * which goes on with another one or ends the run. next NULL: that is the end. If it fails the run ends. */
void job_tx(struct job_run *r, const struct pool_statement *statements, int n,
	    void (*next)(struct job_run *r, PGresult *const *results));
/* A text in the run's arena. Without memory for it the next job_tx ends the run. */
const char *job_text(struct job_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void job_end(struct job_run *r, enum err_code c, const struct err *e); /* e: NULL if c is ERR_OK; copied */

#endif
