/* server/ingest/narrow.h -- what registered schemas ask of events beyond the built-in rules: fields that must be
 * there, strings of a few values, ceilings. They only ever narrow.
 * Memory: one arena a set; a set is replaced as a whole. Threads: the reactor. Blocking: never. */
#ifndef SERVER_INGEST_NARROW_H
#define SERVER_INGEST_NARROW_H

#include "server/ingest/event.h"
#include "server/ingest/event_table.h"

struct event_fields;

enum { MAXIMUM_SCALE = 4, VERSION_BYTES = 8 }; /* no currency has more digits */

struct narrowed {              /* one field */
	struct narrowed *next;
	enum field field;
	bool required, only_string, has_maximum;
	uint32_t nvalues;          /* 0: any value */
	const struct slice *values;
	int64_t max_chars;         /* 0: any length */
	int64_t maximum;           /* times 10^MAXIMUM_SCALE */
};

struct narrowing {             /* one version of a topic */
	struct narrowing *next;
	const struct topic *topic;
	struct slice version;      /* v1, v2, or a registered one with v2's shape: v3 */
	struct narrowed *fields;
};

struct narrowings {
	struct arena arena;
	struct narrowing *first;
};

/* NULL: nothing is registered for it. s may be NULL. */
const struct narrowing *narrowing_find(const struct narrowings *s, const struct topic *t, struct slice version);
/* The name of a sent schema_version: "v3" of "v3", "3", "3.0", 3 and 3.0. False: it is none. */
bool version_name(const struct json *sent, char out[VERSION_BYTES]);
/* After the built-in checks of the same kind; n may be NULL. */
bool narrowing_none_missing(const struct narrowing *n, const struct event_fields *f, struct rejection *rej);
bool narrowing_valid(const struct narrowing *n, const struct event_fields *f, struct rejection *rej);

#endif
