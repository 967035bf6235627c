/* server/http/bulk_entry.h -- the bus's bulk envelope: {"entries": [{"entryId", "event"}, ..]}.
 * Memory: slices of the body, or in the arena. Threads: any. Blocking: never. */
#ifndef SERVER_HTTP_BULK_ENTRY_H
#define SERVER_HTTP_BULK_ENTRY_H

#include "storage/base/arena.h"
#include "storage/base/slice.h"

/* What a body has for its entries; p == NULL: the body is no bulk. An array by its punctuation only when it is
 * *whole. */
struct slice bulk_entries(struct slice body, bool *whole);
/* An entry's event as bytes: an object as it stands there; of a string what it encodes in base64, or says.
 * *id: its entryId, in the arena; empty when there is none. */
struct slice bulk_entry_event(struct arena *a, struct slice entry, struct slice *id);

#endif
