/* server/admin/erase_run.h -- takes an erasure through its steps, each a bounded transaction that records how far
 * it has come: whoever dies in between, another one goes on.
 * Memory: embedded in its owner, who keeps it until done. Threads: the reactor. Blocking: never.
 * Errors: to done; the erasure stays where it is, and is found due by erasure_watch after a while. */
#ifndef SERVER_ADMIN_ERASE_RUN_H
#define SERVER_ADMIN_ERASE_RUN_H

#include "storage/base/buf.h"
#include "storage/base/loop.h"
#include "storage/pg/pool.h"

struct services;

#define ERASE_LEASE "15"         /* seconds; then an erasure without a step is anybody's */

struct erase_run {
	/* Set by the owner. */
	const struct services *services;
	char id[24];
	bool yields;             /* ends when another one is at it, instead of waiting */
	/* Once, never from inside erase_run_start. ERR_OK: the round is over. The run may be freed in it. */
	void (*done)(struct erase_run *r, enum err_code c, const struct err *e);

	/* The run's own. */
	struct pool_query query;
	ev_timer again;
	struct buf keep, hashes;
	char key_id[40], pause[16];
	bool stopped;
};

void erase_run_start(struct erase_run *r);
void erase_run_stop(struct erase_run *r);  /* no further step: done(ERR_CANCELLED) follows, maybe from inside */
void erase_run_forget(struct erase_run *r); /* the pool is gone: done is not called any more */

#endif
