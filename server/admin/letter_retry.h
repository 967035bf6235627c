/* server/admin/letter_retry.h -- dead letters once more through ingestion, a batch at a time.
 * A batch is claimed (so that two runs, here or on another replica, never hold the same letter), judged and
 * stored as any event, and its outcome recorded; then the next one, upwards by id. What a run cannot record any
 * more is free again when its claim ends, and is found to be a duplicate then.
 * Memory: embedded in its owner, who keeps it until done; one batch of payloads. Threads: the reactor.
 * Blocking: never. Errors: to done; outcomes told before stay true. */
#ifndef SERVER_ADMIN_LETTER_RETRY_H
#define SERVER_ADMIN_LETTER_RETRY_H

#include "server/ingest/ingest.h"
#include "storage/job_run.h"
#include "storage/pg/pool.h"

struct services;

enum letter_fate {
	FATE_STORED, FATE_DUPLICATE, FATE_REJECTED,
	FATE_NOT_RETRYABLE, /* what is kept is not the whole event */
	FATE_UNAVAILABLE,   /* the database went away: it stays as it was */
	FATES
};
const char *letter_fate_name(enum letter_fate f); /* "stored" */

/* Texts live as long as the run; NULL: any. */
struct letter_filter {
	const char *ids;          /* PostgreSQL's array literal: {1,2} */
	const char *error_code, *topic, *source, *event_type;
	bool due;                 /* only those whose time for a retry by itself has come */
};

enum { LETTER_BATCH = 25 };

struct letter_run {
	/* Set by the owner. */
	const struct services *services;
	struct letter_filter filter;
	bool dry_run;             /* says what would happen; claims and stores nothing */
	unsigned limit;           /* letters at most */
	/* Of each letter, once; error of rejected ones, until it returns. */
	void (*on_letter)(struct letter_run *r, int64_t id, enum letter_fate f, const struct rejection *error);
	/* Once, never from inside letter_run_start; more: letters were left. The run may be freed in it. */
	void (*done)(struct letter_run *r, enum err_code c, const struct err *e, bool more);
	bool stopped;             /* the owner may set it: no further batch */

	/* The run's own. */
	struct pool_query query;
	unsigned seen, n, fed;    /* letters in all, of this batch, of these handed to ingestion */
	int64_t last;
	int64_t ids[LETTER_BATCH];
	enum letter_fate fates[LETTER_BATCH];
	uint8_t fed_as[LETTER_BATCH];      /* index in the ingest request -> in ids */
	struct rejection errors[LETTER_BATCH];
	struct err failure;
	enum err_code code;
	struct buf outcomes;
	char who[40], size[16], above[24];
};

MUST_CHECK enum err_code letter_run_start(struct letter_run *r, struct err *e);

/* The retry of what is due: the job's work, and at once when a schema was registered. */
struct letter_retry;
MUST_CHECK enum err_code letter_retry_start(struct letter_retry **out, const struct services *s, struct err *e);
job_fn letter_retry_job;                                            /* ctx: the letter_retry */
struct letter_retry *letter_retry_stop(struct letter_retry *t);     /* after the pools; NULL-safe; returns NULL */

#endif
