/* server/ingest/load.h -- a batch on its way: the encoded rows, whose they are, and which identities it
 * has claimed. The same event again becomes a follower of the first; an event with an identity of the
 * batch and other content cannot be told right or wrong before the batch is done, and waits behind it.
 * Memory: fixed at create but for the followers. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_LOAD_H
#define SERVER_INGEST_LOAD_H

#include "server/ingest/event.h"

struct ingest_request;
struct type_counters;

struct pending {                     /* an event that waits for its batch */
	struct ingest_request *request;
	struct type_counters *counters;
	uint32_t index;
};

struct follower {
	struct follower *next;
	struct event_key key;
	struct pending of;
};

struct load {
	struct load *next;
	struct event_batch *batch;
	struct pending *pending;         /* batch entry i's owner is &pending[i] at the time it was added */
	uint32_t *claimed, mask;         /* open addressing: 1 + index into keys */
	struct event_key *keys;          /* in order added: the store may reorder its own */
	struct follower *followers;
	struct load *behind;             /* sent when this one is done */
	uint64_t opened_us;              /* monotonic: its first event */
};

struct load *load_create(uint32_t rows, size_t bytes);   /* NULL when out of memory */
struct load *load_destroy(struct load *l);               /* NULL-safe; returns NULL */
void load_clear(struct load *l);                         /* empty again, memory kept */

enum load_answer { LOAD_ADDED, LOAD_FOLLOWS, LOAD_DIFFERS, LOAD_FULL };
enum load_answer load_add(struct load *l, const struct event_row *row, struct pending of, uint64_t now_us);
/* The verdict of the entry with this key; only after the batch is done. */
const struct batch_entry *load_find(const struct load *l, const struct event_key *k);

#endif
