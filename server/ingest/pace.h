/* server/ingest/pace.h -- storing waits for the projector: when answers are more than one and a half seconds behind, batches go
 * one at a time, with a rest after each that grows with the lag, up to three times what the batch took. So the
 * promise of fresh answers holds at any load, and ingestion never stops, whatever has become of the projector.
 * Memory: embedded in its owner. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_PACE_H
#define SERVER_INGEST_PACE_H

#include "storage/base/loop.h"
#include "storage/base/metrics.h"

#include <stdint.h>

struct pace {
	struct loop *loop;
	ev_timer timer;
	void (*rested)(void *ctx);   /* more may go now */
	void *ctx;
	double rest;                 /* after a batch, in times of what it took; 0: none, and any number at once */
	bool resting;
	unsigned under_way;
	uint64_t sent_us;
	struct metric *rested_s;
};

void pace_init(struct pace *p, struct loop *l, void (*rested)(void *ctx), void *ctx);
void pace_stop(struct pace *p);
void pace_by_lag(struct pace *p, double lag_s);  /* age of the oldest event that answers lack */
bool pace_allows(const struct pace *p);          /* another batch */
void pace_sent(struct pace *p);
void pace_stored(struct pace *p);                /* or failed */

#endif
