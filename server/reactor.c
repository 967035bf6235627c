#include "server/reactor.h"

#include "server/admin/erasure_watch.h"
#include "server/admin/letter_census.h"
#include "server/admin/schema_registry.h"
#include "server/http/http.h"
#include "server/ingest/feed.h"
#include "server/ingest/ingest.h"
#include "server/key_reload.h"
#include "server/query/realtime.h"
#include "server/reflection.h"
#include "server/services.h"
#include "server/wire/core_log.h"
#include "server/wire/server.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/event_store.h"
#include "storage/pg/pool.h"

#include <malloc.h>
#include <signal.h>

enum { OFFLOAD_THREADS = 4, OFFLOAD_QUEUE = 256, MAX_WAITING_QUERIES = 256, JOB_CONNS = 2, MAX_WAITING_JOBS = 16 };
#define LOOK_EVERY_S 0.02
#define DOORS_LOOK_S 0.5
#define DOORS_WAIT_S 2.0 /* for PostgreSQL, before the doors open without it */

static const struct reactor_jobs *with_jobs;
static enum doors with_doors;

struct reactor {
	struct services services;
	struct breaker *breaker;
	void *jobs;
	struct conf job_conf;      /* as all others, but for the statement timeout */
	struct key_reload *key_reload;
	struct letter_census *letter_census;
	struct cq *cq;
	struct server *server;
	struct http *http;
	struct err failed;         /* why a door could not be opened */
	ev_signal term, intr;
	ev_timer opening;          /* until the doors are open: is there something to answer with yet */
	ev_tstamp open_by;
	ev_timer doors;            /* do they still take connections */
	ev_timer look, grace;      /* draining: is all quiet yet; the end of patience */
	bool rpcs_done, gave_up;
};

void reactor_use_jobs(const struct reactor_jobs *jobs)
{
	with_jobs = jobs;
}

void reactor_use_doors(enum doors d)
{
	with_doors = d;
}

enum doors reactor_doors(void)
{
	return with_doors;
}

static bool is_ready(const struct services *s)
{
	return !s->draining && event_store_ready(s->events) && schema_registry_ready(s->schemas) &&
	       erasure_watch_ready(s->erasures);
}

static enum err_code open_doors(struct reactor *r, struct err *e)
{
	const struct services *s = &r->services;
	enum err_code rc = with_doors == DOORS_NONE ? ERR_OK : http_create(&r->http, s, e);

	if (!rc && with_doors == DOORS_ALL)
		rc = server_create(&r->server, r->cq, s, s->conf->listen_address, s->conf->grpc_port, e);
	if (!rc && with_doors == DOORS_ALL)
		log_info("reactor", "worker %u serves gRPC on %u and HTTP on %u", s->worker, s->conf->grpc_port,
			 s->conf->http_port);
	return rc;
}

/* Before: a worker that is not ready would draw its share of the calls, only to refuse them. But one that
 * waits for a PostgreSQL that is away has to say so. */
static void on_opening(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct reactor *r = t->data;

	(void)revents;
	if (!r->services.ready(&r->services) && ev_now(ev) < r->open_by)
		return;
	loop_timer_stop(r->services.loop, t);
	if (open_doors(r, &r->failed))
		cq_stop(r->cq);
}

/* A worker that nobody can reach over gRPC any more ends in order, and is started again. */
static void on_doors(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct reactor *r = t->data;

	(void)ev, (void)revents;
	if (!r->server || r->services.draining || !core_log_lost_listener())
		return;
	log_error("reactor", "the gRPC port takes no connections any more: this worker ends, to be started again");
	raise(SIGTERM);
}

static void on_rpcs_done(void *ctx)
{
	struct reactor *r = ctx;

	r->rpcs_done = true;
}

/* While draining: all calls have ended, nothing taken in waits for its commit. */
static void on_look(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct reactor *r = t->data;
	bool quiet = (!r->http || http_quiet(r->http)) && ingest_quiet(r->services.ingest) &&
		     (!r->jobs || with_jobs->quiet(r->jobs));

	(void)ev, (void)revents;
	if (r->rpcs_done && (quiet || r->gave_up))
		cq_stop(r->cq);
}

static void on_grace_over(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct reactor *r = t->data;

	(void)ev, (void)revents;
	log_warn("reactor", "not everything ended within DRAIN_MS; ending the rest");
	r->gave_up = true;
	if (r->server)
		server_cancel_all(r->server);
}

static void on_term(struct ev_loop *ev, ev_signal *w, int revents)
{
	struct reactor *r = w->data;

	(void)ev, (void)revents;
	if (r->services.draining)
		return;
	log_info("reactor", "draining");
	r->services.draining = true;
	loop_timer_stop(r->services.loop, &r->opening);
	if (r->jobs)
		with_jobs->drain(r->jobs);
	if (r->http)
		http_stop_listening(r->http);
	realtime_drain(r->services.realtime);
	if (r->server)
		server_drain(r->server, on_rpcs_done, r);
	else
		r->rpcs_done = true;
	loop_timer(r->services.loop, &r->look, LOOK_EVERY_S, LOOK_EVERY_S);
	loop_timer(r->services.loop, &r->grace, r->services.conf->drain_ms / 1000.0, 0);
}

static void watch_signals(struct reactor *r)
{
	ev_signal_init(&r->term, on_term, SIGTERM);
	ev_signal_init(&r->intr, on_term, SIGINT);
	ev_init(&r->look, on_look);
	ev_init(&r->grace, on_grace_over);
	ev_init(&r->opening, on_opening);
	ev_init(&r->doors, on_doors);
	r->term.data = r->intr.data = r->look.data = r->grace.data = r->opening.data = r->doors.data = r;
	ev_signal_start(r->services.loop->ev, &r->term);
	ev_signal_start(r->services.loop->ev, &r->intr);
}

/* This worker's share of a ceiling for all of them; at least `least`. */
static unsigned share(unsigned total, unsigned workers, unsigned least)
{
	return total / workers > least ? total / workers : least;
}

/* Jobs' statements may take long: on connections of their own, so that questions do not wait behind them. */
static enum err_code open_job_pool(struct reactor *r, unsigned conns, unsigned idle, struct err *e)
{
	struct services *s = &r->services;

	r->job_conf = *s->conf;
	r->job_conf.db_statement_timeout_ms = s->conf->job_statement_timeout_ms;
	return pool_create(&s->job_queries, &r->job_conf, s->loop, s->offload, r->breaker, conns, idle, MAX_WAITING_JOBS, e);
}

static enum err_code open_all(struct reactor *r, const struct conf *conf, unsigned workers, struct err *e)
{
	struct services *s = &r->services;
	unsigned conns = share(conf->db_max_open_conns, workers, 2);
	unsigned kept = conf->ingest_conns + conf->projector;
	unsigned reads = conns > kept ? conns - kept : 1;
	unsigned for_jobs = with_jobs && reads > JOB_CONNS ? JOB_CONNS : 0;
	unsigned idle = share(conf->db_max_idle_conns, workers, 1);
	enum err_code rc;

	s->conf = conf;
	s->cq = r->cq;
	s->only_health = with_doors == DOORS_HEALTH;
	s->loop = cq_loop(r->cq);
	s->ready = is_ready;
	s->ceilings = (struct ceilings){ workers, workers * (conf->ingest_conns + reads), workers * MAX_WAITING_QUERIES };
	if ((rc = offload_create(&s->offload, s->loop, OFFLOAD_THREADS, OFFLOAD_QUEUE, e)) ||
	    (rc = breaker_create(&r->breaker, conf, s->loop, s->offload, e)) ||
	    (rc = event_store_create(&s->events, conf, s->loop, s->offload, r->breaker, e)) ||
	    (rc = pool_create(&s->queries, conf, s->loop, s->offload, r->breaker, reads - for_jobs, idle,
			      MAX_WAITING_QUERIES, e)) ||
	    (for_jobs && (rc = open_job_pool(r, for_jobs, idle, e))) ||
	    (rc = ingest_create(&s->ingest, conf, s->loop, s->events, e)) ||
	    (rc = feed_line_create(&s->feeds, s->loop, e)) ||
	    (rc = schema_registry_create(&s->schemas, s, e)) || (rc = erasure_watch_create(&s->erasures, s, e)) ||
	    (rc = realtime_create(&s->realtime, s, e)) ||
	    (rc = letter_census_start(&r->letter_census, s, e)) ||
	    (rc = key_reload_start(&r->key_reload, s, e)) || (rc = reflection_init(e)))
		return rc;
	return with_jobs ? with_jobs->start(s, &r->jobs, e) : ERR_OK;
}

static void close_all(struct reactor *r)
{
	struct services *s = &r->services;

	s->job_queries = pool_destroy(s->job_queries);
	s->queries = s->queries ? pool_destroy(s->queries) : NULL;
	s->events = event_store_destroy(s->events);
	ev_invoke_pending(cq_loop(r->cq)->ev); /* what these two ended is answered: send it again */
	r->server = server_destroy(r->server);
	reflection_reset();
	r->breaker = breaker_destroy(r->breaker);
	if (r->jobs)
		with_jobs->stop(r->jobs);
	r->http = http_destroy(r->http);
	s->realtime = realtime_destroy(s->realtime);
	r->letter_census = letter_census_stop(r->letter_census);
	s->schemas = schema_registry_destroy(s->schemas);
	s->erasures = erasure_watch_destroy(s->erasures);
	s->feeds = feed_line_destroy(s->feeds);
	s->ingest = ingest_destroy(s->ingest);
	s->offload = offload_destroy(s->offload);
	r->key_reload = key_reload_stop(r->key_reload);
}

/* Requests come and go in bursts: memory between two of them stays with the process, up to a bound, instead
 * of going back to the kernel page by page (measured: a tenth of the CPU a call). */
static void keep_some_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

enum err_code reactor_run(const struct conf *conf, unsigned index, unsigned workers, uint64_t begun_us, struct err *e)
{
	struct reactor r = { .services.worker = index, .services.begun_us = begun_us };
	enum err_code rc;

	keep_some_memory();
	core_log_use();
	grpc_init();
	rc = cq_create(&r.cq, e);
	if (!rc) {
		rc = open_all(&r, conf, workers, e);
		if (!rc) {
			watch_signals(&r);
			metric_set(metric_get(M_WORKERS, "", ""), 1);
			r.open_by = ev_now(r.services.loop->ev) + DOORS_WAIT_S;
			loop_timer(r.services.loop, &r.opening, LOOK_EVERY_S, LOOK_EVERY_S);
			loop_timer(r.services.loop, &r.doors, DOORS_LOOK_S, DOORS_LOOK_S);
			cq_run(r.cq);
		}
		close_all(&r);
		r.cq = cq_destroy(r.cq);
	}
	grpc_shutdown_blocking();
	if (!rc && r.failed.code) {
		*e = r.failed;
		rc = e->code;
	}
	return rc;
}
