/* server/ingest/conserve.h -- the conservation law of ingestion:
 *   received = stored + duplicate + rejected + refused + in flight
 * An event is received once its message was read whole and its place in it found; what cannot be told apart
 * into events (bytes that are no message, a body over its ceiling) is none. Refused are those that hear RETRY,
 * UNAVAILABLE or RESOURCE_EXHAUSTED, whose caller left before they were taken, and what a worker that died had
 * in flight (storage/base/metrics.c). The gap between both sides is analytics_conservation_gap: not 0 means
 * that an event was lost, or answered twice, inside.
 * Memory: embedded. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_CONSERVE_H
#define SERVER_INGEST_CONSERVE_H

#include "storage/base/loop.h"
#include "storage/base/metrics.h"

struct conserve {
	struct loop *loop;
	ev_timer timer;
	const uint64_t *in_flight;
	struct metric *gap;
	bool broken;
};

void conserve_start(struct conserve *c, struct loop *l, const uint64_t *in_flight);
/* The last look: says what was broken, or left unanswered. */
void conserve_stop(struct conserve *c);

#endif
