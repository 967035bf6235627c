/* server/ingest/digest.h -- what makes two deliveries the same content.
 * Over the resolved type, the event's time and its parsed data without the personal fields, in a canonical
 * form: order of keys, spelling of numbers, schema version, transport and defaults do not count, and no
 * secret takes part. Memory: the arena. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_DIGEST_H
#define SERVER_INGEST_DIGEST_H

#include "server/ingest/fields.h"

/* A digest of altered content (a replayed dead letter in which an address stood, say) has a version of its own:
 * it cannot be compared, and the identity decides alone. */
enum { DIGEST_VERSION = 1, DIGEST_ALTERED = 0x81, DIGEST_BYTES = 16 };

/* has_time: the event brought its own; the time of arrival is no content. False: the arena is full. */
bool digest_make(struct arena *a, const struct event_fields *f, struct slice event_type, bool has_time,
		 int64_t time_us, const char *reporting_currency, uint8_t digest[DIGEST_BYTES]);

#endif
