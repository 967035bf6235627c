#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/ingest/ingest.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/metrics.h"

typedef Api__Analytics__V1__GetServiceStateResponse response;
typedef Api__Analytics__V1__PoolState pool_state;
typedef Api__Analytics__V1__QueueState queue_state;

/* As analytics_db_breaker_state counts. */
static const char *const breaker_names[] = { "closed", "half_open", "open" };

static void fill_pool(pool_state *p, const struct services *s)
{
	double ready = metrics_sum(M_DB_CONNS, "ready", NULL), busy = metrics_sum(M_DB_BUSY, NULL, NULL);

	p->has_in_use = p->has_idle = p->has_connecting = p->has_max = true;
	p->in_use = (int32_t)busy;
	p->idle = ready > busy ? (int32_t)(ready - busy) : 0;
	p->connecting = (int32_t)metrics_sum(M_DB_CONNS, "connecting", NULL);
	p->max = (int32_t)s->ceilings.connections;
}

void admin_get_service_state(struct call *c, const ProtobufCMessage *req)
{
	const struct services *s = c->services;
	response out = API__ANALYTICS__V1__GET_SERVICE_STATE_RESPONSE__INIT;
	pool_state pool = API__ANALYTICS__V1__POOL_STATE__INIT;
	queue_state ingest = API__ANALYTICS__V1__QUEUE_STATE__INIT, queries = API__ANALYTICS__V1__QUEUE_STATE__INIT;

	(void)req;
	fill_pool(&pool, s);
	ingest.has_entries = ingest.has_bytes = ingest.has_max_bytes = true;
	ingest.entries = (int64_t)metrics_sum(M_IN_FLIGHT, NULL, NULL);
	ingest.bytes = (int64_t)metrics_sum(M_QUEUE_BYTES, NULL, NULL);
	ingest.max_bytes = (int64_t)s->conf->ingest_queue_mib * s->ceilings.workers << 20;
	queries.has_entries = queries.has_max_entries = true;
	queries.entries = (int64_t)metrics_sum(M_QUERIES_WAITING, NULL, NULL);
	queries.max_entries = s->ceilings.queries_waiting;
	out.version = (char *)VERSION;
	out.has_uptime_seconds = out.has_workers = out.has_max_workers = out.has_worker_restarts = true;
	out.uptime_seconds = (int64_t)((clock_mono_us() - s->begun_us) / 1000000);
	out.workers = (int32_t)metrics_sum(M_WORKERS, NULL, NULL);
	out.max_workers = (int32_t)s->ceilings.workers;
	out.worker_restarts = (int64_t)metrics_sum(M_WORKER_RESTARTS, NULL, NULL);
	out.breaker = (char *)breaker_names[(int)metrics_max(M_DB_BREAKER)];
	out.pool = &pool;
	out.ingest = &ingest;
	out.queries = &queries;
	out.has_dedup_entries = out.has_max_dedup_entries = true;
	out.dedup_entries = (int64_t)metrics_sum(M_DEDUP_ENTRIES, NULL, NULL);
	out.max_dedup_entries = (int64_t)s->conf->dedup_entries * s->ceilings.workers;
	call_reply(c, &out.base);
}
