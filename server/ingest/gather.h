/* server/ingest/gather.h -- small batches: a statement for one row costs as much as ten rows more in it. So only one
 * small batch is under way at a time, and what comes meanwhile gathers for the next (as transactions gather for a
 * commit in PostgreSQL's own group commit). One that is slow, because it waits for a lock or for another try, holds
 * the others up for a moment only.
 * Memory: embedded in its owner. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_GATHER_H
#define SERVER_INGEST_GATHER_H

#include "storage/base/loop.h"

#include <stdint.h>

enum { GATHER_ROWS = 32 };           /* so many are worth a statement of their own */

struct gather {
	struct loop *loop;
	ev_timer timer;
	void (*waited)(void *ctx);   /* gather_allows has another answer now */
	void *ctx;
	unsigned under_way;          /* small batches */
	uint64_t sent_us;            /* the latest of them */
};

void gather_init(struct gather *g, struct loop *l, void (*waited)(void *ctx), void *ctx);
void gather_stop(struct gather *g);
bool gather_allows(struct gather *g, uint32_t rows); /* a batch of so many; if not now, waited() is called in time */
void gather_sent(struct gather *g, uint32_t rows);
void gather_stored(struct gather *g, uint32_t rows); /* or failed */

#endif
