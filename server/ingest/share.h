/* server/ingest/share.h -- how much of the queue each source may have: half of what the others leave free.
 * So whoever floods the queue stops at a third of it when alone, at a smaller share the more of them there
 * are, and nobody's requests ever take the last room for a request of their size: a source that sends little
 * finds room whatever the others do. A request that is a crumb of what is free is taken from anybody: large
 * and small ones may come from where we cannot tell senders apart. Sources are told apart by a hash of a fixed
 * number of slots; two that meet in one share.
 * After: A. K. Choudhury, E. L. Hahne, "Dynamic queue length thresholds for shared-memory packet switches"
 * (1998); P. E. McKenney, "Stochastic fairness queueing" (1990).
 * Memory: embedded, fixed. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_SHARE_H
#define SERVER_INGEST_SHARE_H

#include "storage/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

enum { SHARE_SLOTS = 4096 };

struct share {
	size_t limit, used;          /* bytes */
	size_t by[SHARE_SLOTS];      /* used, by source */
};

/* Who sends: its connection, and whom it speaks for. */
static inline uint64_t share_source(uint64_t peer, struct slice name)
{
	return XXH3_64bits_withSeed(name.n ? name.p : "", name.n, peer);
}

/* False: not now. With an empty queue anything up to the limit is taken. */
bool share_take(struct share *s, uint64_t source, size_t bytes);
void share_give(struct share *s, uint64_t source, size_t bytes);

#endif
