/* server/services.h -- what a reactor's handlers work with; made by server/reactor.c, read-only for them. */
#ifndef SERVER_SERVICES_H
#define SERVER_SERVICES_H

#include "storage/base/conf.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"

struct event_store;
struct pool;
struct ingest;
struct feed_line;
struct schema_registry;
struct realtime;
struct erasure_watch;

/* Of all workers together. */
struct ceilings {
	unsigned workers, connections, queries_waiting;
};
struct job_control;
struct cq;

struct services {
	const struct conf *conf;
	struct loop *loop;
	struct offload *offload;
	struct event_store *events;
	struct pool *queries;
	struct pool *job_queries;                 /* for long statements of jobs; NULL: there are too few connections */
	struct ingest *ingest;
	struct feed_line *feeds;                  /* requests whose events ingestion takes by and by */
	struct schema_registry *schemas;
	struct realtime *realtime;
	struct erasure_watch *erasures;
	bool (*ready)(const struct services *s);  /* takes calls: PostgreSQL is there and we are not draining */
	bool draining;
	unsigned worker;                          /* this one's number, from 0 */
	uint64_t begun_us;                        /* clock_mono_us() when the service was started */
	struct ceilings ceilings;
	bool only_health;                         /* HTTP answers nothing but health and metrics */
	struct job_control *jobs;
	struct cq *cq;                            /* for calls to other services */
};

#endif
