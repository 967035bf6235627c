/* server/ingest/reject.h -- filling in a rejection.
 * Memory: none. Threads: any. Blocking: never. */
#ifndef SERVER_INGEST_REJECT_H
#define SERVER_INGEST_REJECT_H

#include "server/ingest/event.h"

enum { EVENT_MAX_BYTES = 1 << 20 };

/* Returns false, so that a verdict is one `return reject(...)`. message must not hold event content; field
 * may hold keys as sent and must be scrubbed then; both are cut to their room, field at a character. */
bool reject(struct rejection *rej, enum reject_code code, const char *field, const char *message);
bool reject_memory(struct rejection *rej); /* the event's arena is full */

#endif
