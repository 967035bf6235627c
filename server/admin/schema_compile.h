/* server/admin/schema_compile.h -- a registered JSON Schema, compared with the built-in one of its topic and
 * version: what narrows becomes rules, what contradicts or loosens is named.
 * What the built-in schema says may be repeated. Beyond that: `required`, and of a field `enum`, `maxLength`,
 * `maximum` and "type":"string" for what may also be an integer.
 * Memory: the caller's arena. Threads: one. Blocking: never. */
#ifndef SERVER_ADMIN_SCHEMA_COMPILE_H
#define SERVER_ADMIN_SCHEMA_COMPILE_H

#include "server/ingest/narrow.h"
#include "server/wire/call.h"

struct schema_faults {
	unsigned n;
	struct violation list[CALL_MAX_VIOLATIONS];
};

/* False with faults (texts in a). text and version are copied where the rules need them. */
bool schema_compile(struct arena *a, const struct topic *t, const char *version, struct slice text,
		    struct narrowing **out, struct schema_faults *faults);
bool schema_version_valid(const char *version); /* v1, v2, v3 ... */

#endif
