/* server/ingest/dedup.h -- identities known to be stored, so that most redeliveries need no question to
 * PostgreSQL. Only an accelerator: processed_events has the last word.
 * A key enters when its batch has committed (settle), never before: a key remembered early would turn
 * "store failed, client retries" into silent loss. Inside a batch the batch's own key set claims it.
 * Memory: fixed at create, 45 bytes a slot; a full bucket forgets its oldest. Threads: one loop, no locks.
 * Blocking: never. Errors: create only (ERR_QUOTA). */
#ifndef SERVER_INGEST_DEDUP_H
#define SERVER_INGEST_DEDUP_H

#include "storage/event_store.h"

/* Digests of different versions cannot be compared: the identity decides alone. */
static inline bool digest_agrees(const uint8_t a[16], const uint8_t b[16])
{
	return a[0] != b[0] || memcmp(a, b, 16) == 0;
}

struct dedup;
enum dedup_answer { DEDUP_UNKNOWN, DEDUP_SAME /* stored with this digest */, DEDUP_OTHER /* with another */ };

/* entries: at least this many are held; window_us: older ones count as unknown. */
MUST_CHECK enum err_code dedup_create(struct dedup **out, uint32_t entries, int64_t window_us, struct err *e);
struct dedup *dedup_destroy(struct dedup *d);   /* NULL-safe; returns NULL */
enum dedup_answer dedup_look(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us);
/* k is settled soon: its place is fetched into the cache of the CPU meanwhile. */
void dedup_expect(const struct dedup *d, const struct event_key *k);
void dedup_settle(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us);

#endif
