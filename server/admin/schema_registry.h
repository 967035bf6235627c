/* server/admin/schema_registry.h -- keeps this worker's registered schemas as PostgreSQL has them.
 * Each registration is notified to all workers of all replicas, which then look: over the connections that
 * store events, whenever one of them was away, and every 30 seconds in case all that was of no use.
 * Memory: the rules, twice while they are replaced. Threads: the reactor. Blocking: never.
 * Errors: what is known stays in force while PostgreSQL is away. */
#ifndef SERVER_ADMIN_SCHEMA_REGISTRY_H
#define SERVER_ADMIN_SCHEMA_REGISTRY_H

#include "storage/base/err.h"

#include <stdbool.h>

struct services;
struct schema_registry;

/* s->queries, s->events and s->ingest are there. */
MUST_CHECK enum err_code schema_registry_create(struct schema_registry **out, const struct services *s, struct err *e);
struct schema_registry *schema_registry_destroy(struct schema_registry *r); /* after the pool; NULL-safe; returns NULL */
bool schema_registry_ready(const struct schema_registry *r);  /* known at least once: before, no event is taken */
void schema_registry_look(struct schema_registry *r);         /* now: something was registered here */
/* fn(ctx) after every change but the first look; one listener. */
void schema_registry_on_change(struct schema_registry *r, void (*fn)(void *ctx), void *ctx);

#endif
