/* server/admin/schema_registry.h -- keeps this worker's registered schemas as PostgreSQL has them.
 * Each worker looks every 2 seconds whether something was registered: one statement of one row, and nothing to
 * set up again after PostgreSQL was away, where a LISTEN of its own would need a connection a worker and this
 * very look besides, for what was notified while it was down.
 * Memory: the rules, twice while they are replaced. Threads: the reactor. Blocking: never.
 * Errors: what is known stays in force while PostgreSQL is away. */
#ifndef SERVER_ADMIN_SCHEMA_REGISTRY_H
#define SERVER_ADMIN_SCHEMA_REGISTRY_H

#include "storage/base/err.h"

#include <stdbool.h>

struct services;
struct schema_registry;

/* s->queries and s->ingest are there. */
MUST_CHECK enum err_code schema_registry_create(struct schema_registry **out, const struct services *s, struct err *e);
struct schema_registry *schema_registry_destroy(struct schema_registry *r); /* after the pool; NULL-safe; returns NULL */
bool schema_registry_ready(const struct schema_registry *r);  /* known at least once: before, no event is taken */
void schema_registry_look(struct schema_registry *r);         /* now: something was registered here */
/* fn(ctx) after every change but the first look; one listener. */
void schema_registry_on_change(struct schema_registry *r, void (*fn)(void *ctx), void *ctx);

#endif
