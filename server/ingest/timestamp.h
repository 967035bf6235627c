/* server/ingest/timestamp.h -- RFC 3339 instants, strictly.
 * Memory: the caller's. Threads: any. Blocking: never. */
#ifndef SERVER_INGEST_TIMESTAMP_H
#define SERVER_INGEST_TIMESTAMP_H

#include "storage/base/slice.h"

#include <stdint.h>

enum { TIMESTAMP_BYTES = 27 }; /* 2026-01-02T03:04:05.678901Z */

/* Years 0001 to 9999, T and Z in either case, any number of fraction digits (beyond microseconds they are
 * dropped), second 60 only where UTC may have a leap second (it becomes the next second). */
bool timestamp_parse(struct slice s, int64_t *us);
void timestamp_format(int64_t us, char out[TIMESTAMP_BYTES + 1]); /* in UTC; us of the years above */

#endif
