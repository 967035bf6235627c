/* jobs/projector.h -- makes answers of stored events: takes the marks that ingestion leaves behind, oldest
 * first, and moves entities, facts and sums by the events they name, a bounded number a step.
 *
 * A step is one transaction, sent at once and ended by its own Sync, so that a client that stops in the middle
 * holds nothing open. One projector at a time takes marks (an advisory lock of the transaction); the others
 * look again a little later, so that any of them goes on when one is gone. A step that PostgreSQL refuses
 * because of its data is tried again with half as many marks, at last with halves of a mark, until the
 * single event is found, which is set aside after three attempts; transient failures are tried again.
 * Memory: one small struct and its connection. Threads: the reactor. Blocking: never.
 * Errors: create only; later ones are logged and counted. */
#ifndef JOBS_PROJECTOR_H
#define JOBS_PROJECTOR_H

#include "storage/base/conf.h"
#include "storage/base/err.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"

/* Hears how far behind answers are, again and again; 0 while that is not known. */
struct projector_watch {
	void (*lag)(void *ctx, double lag_s);
	void *ctx;
};

struct projector;
/* *out is NULL where PROJECTOR is off. decimals: of the reporting currency; where currency or zone are not those
 * that the sums were made in, everything is made again first. w is copied; c, l and o outlive it. */
MUST_CHECK enum err_code projector_start(struct projector **out, const struct conf *c, unsigned decimals,
					 const struct projector_watch *w, struct loop *l, struct offload *o,
					 struct err *e);
/* NULL-safe; returns NULL. A step under way is decided by PostgreSQL. */
struct projector *projector_stop(struct projector *p);

#endif
