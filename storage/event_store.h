/* storage/event_store.h -- writes batches of events to PostgreSQL, each event once.
 * A batch is one statement in one transaction: new identities go into processed_events, their rows into
 * analytics_events; what was there already is compared by digest. A row PostgreSQL refuses is found by
 * bisection and never takes its neighbours with it. Missing months get their partition on demand.
 * How large a batch should be, measured with four senders: below 500 rows the statement itself weighs; beyond 1,000
 * what it keeps in memory no longer fits into the caches (2,000 cost 3 to 7 % more CPU an event, and twice the memory a batch).
 * Memory: a batch owns its encoded rows until done. Threads: the reactor. Blocking: never.
 * Errors: a transient fault (connection, read-only, 53xxx, 57Pxx) ends the batch with ERR_STORE and
 * nothing is known to be stored; deadlocks and serialization failures are retried inside. */
#ifndef STORAGE_EVENT_STORE_H
#define STORAGE_EVENT_STORE_H

#include "storage/base/buf.h"
#include "storage/base/conf.h"
#include "storage/base/err.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"
#include "storage/pg/breaker.h"

#include <stdint.h>

struct event_key {
	uint8_t b[16]; /* of source and event id: see event_key_make in server/ingest/envelope.h */
};

/* A decimal amount: minor / 10^scale major units. */
struct decimal {
	int64_t minor;
	uint8_t scale;
};

/* A row of analytics_events, anonymized already; absent slices are NULL in the table. */
struct event_row {
	struct event_key key;
	uint8_t digest[16];          /* of the content; byte 0 is the digest's version */
	int64_t created_at_us;       /* the event's own time, since 1970 UTC */
	int64_t received_at_us;
	struct slice event_id, event_type, event_source, schema_version, trace_id;
	struct slice cart_id, session_id, customer_id, order_id, product_id;
	bool has_amount;
	struct decimal amount;
	struct slice currency, status;               /* status: new_status as sent */
	struct slice ip_address, user_agent, email;  /* masked, hashed, hashed */
	struct slice pii_key_id;                     /* set when one of the two hashes is */
	bool has_entity, has_sequence;
	struct event_key entity;                     /* XXH3-128 of source, 0, kind, 0, id of whom it is about */
	int64_t sequence;                            /* its place among the entity's events; else its time counts */
	struct slice items;                          /* JSON array or absent */
	struct slice properties;                     /* JSON object */
};

enum row_verdict { ROW_PENDING, ROW_STORED, ROW_DUPLICATE, ROW_CONFLICT /* same identity, other content */,
		   ROW_POISON /* PostgreSQL refuses these values */ };

struct batch_entry {
	struct event_key key;
	uint8_t digest[16];
	uint32_t at, len;            /* the encoded row inside event_batch.rows */
	int32_t month;               /* of created_at, UTC: year * 12 + month - 1 */
	enum row_verdict verdict;
	void *owner;                 /* the caller's */
	uint32_t index;              /* the caller's */
};

struct event_batch {
	struct batch_entry *entries; /* the store may reorder them; keys must differ from each other */
	uint32_t n, cap;
	struct buf rows;
	void (*done)(struct event_batch *b, enum err_code c); /* once, never from inside event_store_put */
	void *ctx;                   /* the caller's */
	struct event_batch *next;    /* the holder's: caller before put, store until done */
};

/* cap rows, rows_bytes of encoded rows at most. NULL when out of memory. */
struct event_batch *event_batch_create(uint32_t cap, size_t rows_bytes);
struct event_batch *event_batch_destroy(struct event_batch *b); /* NULL-safe; returns NULL */
/* Encodes row at the end. NULL (and batch unchanged) when it does not fit. */
struct batch_entry *event_batch_add(struct event_batch *b, const struct event_row *row);

/* What an encoded row says about its entity; false: it has none. */
struct entity_mark {
	struct event_key entity;
	bool has_sequence;
	int64_t at;                  /* its sequence, else its time in microseconds since 2000 */
};
bool event_batch_entity(const struct event_batch *b, const struct batch_entry *e, struct entity_mark *out);
void event_batch_mark_late(struct event_batch *b, const struct batch_entry *e, bool late);

/* The attributes of an encoded row in the order of event_row, in PostgreSQL's binary format (p == NULL: SQL NULL). */
enum { EVENT_ATTRIBUTES = 26, EVENT_ENTITY_ATTRIBUTE = 5 };
void event_batch_attributes(const struct event_batch *b, const struct batch_entry *e,
			    struct slice out[EVENT_ATTRIBUTES]);

/* The key and the texts of an encoded row, as slices into b->rows; amount is left out. */
void event_batch_read(const struct event_batch *b, const struct batch_entry *e, struct event_row *out);

/* A rejected event, as kept in dead_letter_queue; everything anonymized already. */
struct dead_letter {
	struct event_key key;        /* of source and identity; of unreadable bytes: of their keyed hash */
	int64_t received_at_us;
	struct slice event_id, event_type, topic, source, trace_id;
	struct slice error_code, error_field, error_message;
	struct slice payload;        /* anonymized text, JSON or not */
};

struct letter_batch {
	struct buf rows;             /* encoded */
	uint32_t n;
	void (*done)(struct letter_batch *b, enum err_code c);
	void *ctx;
	struct letter_batch *next;
};

struct letter_batch *letter_batch_create(size_t rows_bytes);
struct letter_batch *letter_batch_destroy(struct letter_batch *b);
/* False (and batch unchanged) when it does not fit. The same key may come again: the row counts it. */
bool letter_batch_add(struct letter_batch *b, const struct dead_letter *d);

struct event_store;
/* Opens conf->ingest_conns connections in the background; usable at once (put fails until one is ready).
 * c, l, o and b outlive the store; b may be NULL. */
MUST_CHECK enum err_code event_store_create(struct event_store **out, const struct conf *c, struct loop *l,
					    struct offload *o, struct breaker *b, struct err *e);
struct event_store *event_store_destroy(struct event_store *s); /* fails what is under way; NULL-safe; returns NULL */
/* told(ctx) when another worker or replica says that something has changed (see ingest_listen.sql), and whenever
 * that could have been missed; one listener. */
void event_store_on_news(struct event_store *s, void (*told)(void *ctx), void *ctx);
bool event_store_ready(const struct event_store *s);   /* a connection is up, and the breaker closed */
/* True while a connection has nothing under way (send at once) or fewer than two batches (may send). */
bool event_store_idle(const struct event_store *s);
bool event_store_has_room(const struct event_store *s);

/* Takes b over until b->done. ERR_STORE at once when the store is not ready, ERR_QUOTA when all are full;
 * b then stays the caller's and done is not called. */
MUST_CHECK enum err_code event_store_put(struct event_store *s, struct event_batch *b);
MUST_CHECK enum err_code event_store_put_letters(struct event_store *s, struct letter_batch *b);

#endif
