/* server/ingest/request.h -- the inside of an ingest request, shared by ingest.c (the way in) and settle.c
 * (the way out). Everything else uses server/ingest/ingest.h. */
#ifndef SERVER_INGEST_REQUEST_H
#define SERVER_INGEST_REQUEST_H

#include "server/ingest/conserve.h"
#include "server/ingest/dedup.h"
#include "server/ingest/gather.h"
#include "server/ingest/ingest.h"
#include "server/ingest/load.h"
#include "server/ingest/pace.h"
#include "server/ingest/share.h"
#include "server/ingest/suppress.h"

enum { MAX_TYPES = 64 };

/* Counters of one event type, kept by the type's (static) name. */
struct type_counters {
	const char *type;
	struct metric *of[OUT_OUTCOMES];
};

struct ingest_request {
	struct ingest_request *next;     /* in ingest.settled */
	struct ingest *ingest;
	void (*done)(struct ingest_request *r, void *ctx);
	void *ctx;
	struct arena arena;              /* errors of the results */
	struct ingest_bill bill;
	bool replay;                     /* of dead letters */
	uint32_t total, pending;         /* pending: events not settled, plus one until it is closed */
	uint32_t count[OUT_OUTCOMES];
	uint8_t *outcomes;               /* by index, bill.events of them */
	struct ingest_result *results;   /* of those not stored */
	uint32_t nresults, results_cap;
};

/* A dead letter on its way: when it is committed the event is rejected. */
struct letter_owner {
	struct pending of;
	struct rejection *error;         /* in the request's arena; NULL when that was full */
	struct slice event_id;           /* likewise */
};

struct letter_load {
	struct letter_load *next;
	struct letter_batch *batch;
	struct letter_owner *owners;
	uint32_t n, cap;
};

struct ingest {
	const struct conf *conf;
	struct loop *loop;
	struct event_store *store;
	struct dedup *dedup;
	struct pii_key key;              /* slices of the two below */
	char key_id[CONF_KEY_ID_BYTES], key_secret[CONF_TEXT_BYTES];
	struct pii_key old_keys[CONF_OLD_KEYS]; /* slices of the settings */
	unsigned nold_keys;
	const struct narrowings *schemas; /* NULL: not known yet */
	const struct suppressions *erased; /* likewise */
	struct arena scratch;            /* one event's */
	struct load *open, *ready, **ready_tail, *spare;
	struct letter_load *letters, *letters_ready, **letters_tail;
	unsigned nspare, held;  /* held: requests that are being fed */
	struct ingest_request *settled, **settled_tail;
	ev_timer turn_end;               /* never started: fed, to run after the callback that feeds it */
	bool fed;
	struct share share;              /* of the budget */
	struct pace pace;                /* of what is stored */
	struct gather gather;            /* of small batches */
	size_t row_bytes;                /* encoded rows */
	uint64_t in_flight;              /* received and not settled */
	struct type_counters types[MAX_TYPES];
	struct conserve conserve;
	struct metric *received, *flying, *queued, *batch_rows, *seconds, *suppressed;
};

/* settle.c */
void settle_receive(struct ingest *g, uint32_t events);
void settle_refuse(struct ingest *g, uint32_t events);   /* received ones that are not taken */
void settle(struct pending of, enum outcome o, const struct rejection *error, struct slice event_id);
struct rejection *settle_keep_error(struct ingest_request *r, const struct rejection *error);
struct slice settle_keep_id(struct ingest_request *r, struct slice id);
struct type_counters *settle_counters(struct ingest *g, const char *type);

/* flush.c */
/* False, and not taken: this identity waits with too many other contents already. */
MUST_CHECK bool flush_row(struct ingest *g, const struct event_row *row, struct pending of);
void flush_letter(struct ingest *g, const struct dead_letter *d, struct pending of, const struct rejection *error);
void flush_show_queue(struct ingest *g);
void flush_soon(struct ingest *g);   /* at the end of this turn: send what may go, report what is settled */
void flush_on_turn_end(struct ev_loop *ev, ev_timer *t, int revents);
struct letter_load *letter_load_destroy(struct letter_load *l);

/* refused_row.c: the dead letter of a row that was refused after it had been encoded. */
bool refused_row_letter(struct arena *a, const struct event_batch *b, const struct batch_entry *e,
			const struct rejection *rej, struct dead_letter *d);

#endif
