/* server/ingest/envelope.h -- what an event's attributes say, for its row as for its dead letter.
 * Memory: slices of the event. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_ENVELOPE_H
#define SERVER_INGEST_ENVELOPE_H

#include "server/ingest/event.h"
#include "server/ingest/event_table.h"
#include "server/ingest/pii.h"

/* data.event_id, else the CloudEvent id; p NULL: neither can be read. */
struct slice event_identity(const struct event_in *in);
/* The key of source and identity. Bytes 0 and 1: XXH3-64 of source, 0 and the identity's first 8 bytes; 2 and 3: the
 * same of source, 0 and all but the identity's last 3 bytes; 4 to 15: those of XXH3-128 of source, 0, identity, in
 * big-endian. The last twelve tell identities apart. The first four keep those together that were made one after
 * another, whether they begin with their time (UUIDv7, ULID, Snowflake) or count up: a batch then goes into few pages
 * of the index on the keys, where random keys find each page cold (measured at 300,000 identities that count up: 15 %
 * less CPU of PostgreSQL an event). Those that are random from their first byte (UUIDv4) stay as scattered as a hash.
 * False: the arena is full. */
bool event_key_make(struct arena *a, struct slice source, struct slice identity, struct event_key *key);
/* The name that decides the type: `type`, or the bus's topic where type is the bus's own default. */
struct slice event_topic_name(const struct event_in *in);
/* The trace's 32 hex digits, when traceparent is a valid one of W3C and not all zero; p NULL otherwise. */
struct slice event_trace(struct slice traceparent);

#endif
