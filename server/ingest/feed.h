/* server/ingest/feed.h -- hands the events of PublishEventsRequests to ingestion, some a turn of the loop, so that a
 * large request does not keep small calls waiting; and makes the answer of what became of them.
 * Large requests take rounds of some turns, one after another: were they taken by turns, all would be complete at
 * the same time and share one statement on one connection, while the others have nothing to do (measured: with four
 * senders of 500 events at one worker, a round each stores 15 % more).
 * Memory: embedded in its caller; the request's bytes must live until `consumed`. Threads: the reactor.
 * Blocking: never. */
#ifndef SERVER_INGEST_FEED_H
#define SERVER_INGEST_FEED_H

#include "api/analytics/v1/ingest.pb-c.h"
#include "server/ingest/ingest.h"
#include "server/services.h"

enum { FEED_MAX_EVENTS = 5000 };

struct feed {
	struct feed *next;                 /* in line */
	const struct services *services;
	struct slice bytes;
	size_t at;
	uint32_t left;                     /* events */
	struct ingest_request *request;
	void (*consumed)(struct feed *f);  /* every event was taken, bytes are not needed any more; may be NULL */
};

/* The requests that do not fit into one turn. */
MUST_CHECK enum err_code feed_line_create(struct feed_line **out, struct loop *l, struct err *e);
struct feed_line *feed_line_destroy(struct feed_line *line);     /* NULL-safe; returns NULL */

/* Checks the request and opens it; the events follow from feed_run. A sender is its connection and the
 * CloudEvents source of its first event: a sidecar speaks for many. settled(request, ctx) runs once, later.
 * ERR_INVALID: no such message, or more than FEED_MAX_EVENTS (e names it); ERR_QUOTA: the budget is used up. */
MUST_CHECK enum err_code feed_open(struct feed *f, const struct services *s, uint64_t peer, struct slice bytes,
				   void (*settled)(struct ingest_request *r, void *ctx), void *ctx,
				   struct err *e);
void feed_run(struct feed *f);
void feed_abandon(struct feed *f);  /* the bytes go away before `consumed`: the rest is not taken */

/* The answer for a settled request, in the arena. NULL when the arena is full. */
Api__Analytics__V1__PublishEventsResponse *feed_answer(struct arena *a, struct ingest_request *r);

#endif
