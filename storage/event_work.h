/* storage/event_work.h -- inside of the event store: a batch under way, and the connections it may go by.
 * A batch's way is a small machine with one unit under way at a time: make the months it needs, store its
 * ranges (one; more while a refused row is sought by bisection), compare what was there already.
 * Memory: all in struct event_store. Threads: the reactor. Blocking: never. */
#ifndef STORAGE_EVENT_WORK_H
#define STORAGE_EVENT_WORK_H

#include "storage/event_store.h"
#include "storage/pg/pgq.h"

enum {
	WORKS_PER_CONNECTION = 2, /* one runs while the next one travels */
	MAX_RANGES = 40,          /* bisection leaves one half behind a level: enough for 2^32 rows */
	MAX_MONTHS = 4096,
};

struct range {
	uint32_t from, n;
};

struct connection;

/* A batch of either kind under way. */
struct work {
	struct pgq_unit unit;
	struct connection *conn;
	struct event_batch *events;   /* one of the two; both NULL: free */
	struct letter_batch *letters;
	struct range ranges[MAX_RANGES]; /* still to be stored, the last one first */
	unsigned nranges;
	int32_t month;                /* being made */
	unsigned retries;             /* in a row */
	unsigned remade;              /* how often months thought present were missing */
	bool careful;                 /* some of it was stored before: see send_range */
	ev_timer timer;               /* until the next try */
};

struct connection {
	struct pgq q;
	struct event_store *store;
	bool retiring;                /* a fresh one has taken its place: closed once idle */
	struct pgq_unit listen;       /* to news */
	struct work works[WORKS_PER_CONNECTION];
};

struct event_store {
	struct loop *loop;
	struct breaker *breaker;
	struct buf params;            /* of the unit being sent; libpq copies it */
	bool tracking;                /* of how far entities have come */
	struct entity_arrival *arrivals; /* of the range being sent */
	uint32_t arrivals_cap;
	struct metric *out_of_order;
	int32_t months[MAX_MONTHS];   /* that have their partition, as far as we know */
	unsigned nmonths;
	unsigned careful;             /* so many batches are not guessed to be all new */
	ev_timer renew;
	unsigned wanted;              /* connections kept open */
	unsigned nconns;              /* and a spare, to open before an old one is closed */
	bool destroying;
	void (*told)(void *ctx);
	void *told_ctx;
	struct connection conns[];
};

/* Marks the range's late events, and appends its entities to s->params as three arrays: their keys, the
 * highest sequence of each, the latest time of each. ends: where each array ends. */
void work_put_entities(struct event_store *s, struct event_batch *b, struct range r, size_t ends[3]);

/* Entries and their order: by key. */
int entry_order(const void *a, const void *b);

bool work_free(const struct work *w);
unsigned works_of(const struct connection *c);  /* batches under way on it */
void work_init(struct work *w, struct connection *c);
/* Sends the first unit of w->events or w->letters. On failure w is free again, and the batch the caller's. */
MUST_CHECK enum err_code work_start(struct work *w);
/* Ends the batch: w is free again, then the batch's done() runs. */
void work_finish(struct work *w, enum err_code c);

#endif
