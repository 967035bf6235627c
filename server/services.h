/* server/services.h -- what a reactor's handlers work with; made by server/reactor.c, read-only for them. */
#ifndef SERVER_SERVICES_H
#define SERVER_SERVICES_H

#include "storage/base/conf.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"

struct event_store;
struct pool;
struct ingest;
struct schema_registry;
struct realtime;

struct services {
	const struct conf *conf;
	struct loop *loop;
	struct offload *offload;
	struct event_store *events;
	struct pool *queries;
	struct ingest *ingest;
	struct schema_registry *schemas;
	struct realtime *realtime;
	bool (*ready)(const struct services *s);  /* takes calls: PostgreSQL is there and we are not draining */
	bool draining;
};

#endif
