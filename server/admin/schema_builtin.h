/* server/admin/schema_builtin.h -- the built-in rules of a topic's data as JSON Schema (draft 2020-12), written
 * from the rows of server/ingest/event_table.h.
 * Memory: into *b. Threads: any. Blocking: never. */
#ifndef SERVER_ADMIN_SCHEMA_BUILTIN_H
#define SERVER_ADMIN_SCHEMA_BUILTIN_H

#include "server/ingest/event_table.h"
#include "storage/base/buf.h"

/* version: v1 has the flat shape, every other one v2's. */
void schema_builtin(struct buf *b, const struct topic *t, const char *version);

#endif
