/* server/admin/erasure_watch.h -- keeps this worker's idea of who was erased as PostgreSQL has it, and takes up
 * erasures that nobody is at: their second round, and those whose worker died. Tells metrics of the last audit.
 * A look every 2 seconds, as schema_registry does.
 * Memory: 72 bytes an identity, twice while they are replaced. Threads: the reactor. Blocking: never.
 * Errors: what is known stays in force while PostgreSQL is away. */
#ifndef SERVER_ADMIN_ERASURE_WATCH_H
#define SERVER_ADMIN_ERASURE_WATCH_H

#include "storage/base/err.h"

#include <stdbool.h>

struct services;
struct erasure_watch;

/* s->queries and s->ingest are there. */
MUST_CHECK enum err_code erasure_watch_create(struct erasure_watch **out, const struct services *s, struct err *e);
struct erasure_watch *erasure_watch_destroy(struct erasure_watch *w); /* after the pool; NULL-safe; returns NULL */
bool erasure_watch_ready(const struct erasure_watch *w);  /* known at least once: before, no event is taken */

#endif
