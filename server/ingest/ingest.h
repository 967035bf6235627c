/* server/ingest/ingest.h -- the way of events: decode -> judge -> deduplicate -> batch -> store -> answer.
 * A request (a call, a bulk body, a single event) hands its events in one by one and hears once when all
 * are settled. Events of all requests and all ways in meet in the same batches.
 * Every event is counted when it arrives and when it ends, whatever its end: see conserve.h.
 * Memory: requests' bytes are bounded by conf.ingest_queue_mib a reactor, beyond it ingest_open says
 * ERR_QUOTA; their encoded rows take about as much again. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_INGEST_H
#define SERVER_INGEST_INGEST_H

#include "server/ingest/event.h"
#include "server/ingest/share.h"
#include "storage/base/conf.h"
#include "storage/base/loop.h"

struct ingest;
struct ingest_request;
struct suppressions; /* server/ingest/suppress.h */

/* What a request brings. */
struct ingest_bill {
	uint64_t source;             /* share_source */
	uint32_t events;             /* so many follow at most; those that do not are counted as refused */
	size_t bytes;                /* charged to the budget until done */
};

enum outcome { OUT_PENDING, OUT_STORED, OUT_DUPLICATE, OUT_REJECTED, OUT_UNAVAILABLE, OUT_OUTCOMES };

/* An event's end. error and event_id only for those not stored. */
struct ingest_result {
	uint32_t index;
	enum outcome outcome;
	const struct rejection *error; /* of rejected ones */
	struct slice event_id;         /* what could be read of it */
};

MUST_CHECK enum err_code ingest_create(struct ingest **out, const struct conf *c, struct loop *l,
				       struct event_store *s, struct err *e);
/* The key for events from now on: "id:secret", or a secret whose id is conf's. Rows name the key that made
 * their hashes. False when it is too short or too long to be one. */
bool ingest_use_key(struct ingest *g, const char *key);
struct ingest *ingest_destroy(struct ingest *g);   /* NULL-safe; what is open must be settled before */
/* What is registered, from now on; the caller's, until the next call. Before the first one events are refused
 * as unavailable. */
void ingest_use_schemas(struct ingest *g, const struct narrowings *schemas);
/* Who was erased, from now on; the caller's, until the next call. Before the first one events are refused. */
void ingest_use_suppressions(struct ingest *g, const struct suppressions *erased);
const struct pii_key *ingest_key(const struct ingest *g);   /* the one in use; until the next ingest_use_key */
/* Those of before, by which people may be known as well. */
const struct pii_key *ingest_old_keys(const struct ingest *g, unsigned *n);
void ingest_keep_pace(struct ingest *g, double lag_s);  /* see pace.h */
bool ingest_quiet(const struct ingest *g);         /* nothing taken in that is not answered */

/* Opens a request. done runs once, never from inside these calls, when the request was closed and all its
 * events are settled; the request is freed after it returns. ERR_QUOTA: its events are counted as refused. */
MUST_CHECK enum err_code ingest_open(struct ingest *g, const struct ingest_bill *bill,
				     void (*done)(struct ingest_request *r, void *ctx), void *ctx,
				     struct ingest_request **out, struct err *e);
/* Events that arrived and of which no request will come. */
void ingest_refuse(struct ingest *g, uint32_t events);
/* Each takes one event (index counts up from 0); the bytes need not outlive the call. */
void ingest_json(struct ingest_request *r, struct slice text, struct slice route);
void ingest_proto(struct ingest_request *r, struct slice wire, struct slice route);
/* A dead letter's payload once more (see event_letter_whole). When it is rejected again no letter is written:
 * the verdict is the caller's. A request of letters takes nothing else. */
void ingest_letter(struct ingest_request *r, struct slice payload, const struct event_replay *how);
/* More of r's events follow soon: until the release, batches wait to be full. */
void ingest_hold(struct ingest_request *r);
void ingest_release(struct ingest_request *r);
void ingest_close(struct ingest_request *r);       /* no more events */

/* What ingest_letter would say of it, but for what is stored already: true with its digest when it is good. */
bool ingest_judge_letter(struct ingest *g, struct slice payload, const struct event_replay *how,
			 uint8_t digest[16], struct rejection *rej);

/* For done(): counts, and the results of all events that were not stored, by index. */
uint32_t ingest_count(const struct ingest_request *r, enum outcome o);
uint32_t ingest_total(const struct ingest_request *r);
enum outcome ingest_outcome(const struct ingest_request *r, uint32_t index);
const struct ingest_result *ingest_results(const struct ingest_request *r, uint32_t *n);

#endif
