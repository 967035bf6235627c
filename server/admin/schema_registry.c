#include "server/admin/schema_registry.h"

#include "server/admin/schema_compile.h"
#include "server/ingest/ingest.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/event_store.h"
#include "storage/pg/pool.h"

#include <stdio.h>
#include <stdlib.h>

enum { RULES_BYTES = 32 << 20, LOOK_US = 5 * 1000000, MARK_BYTES = 48 };
static const double first_s = 0.1, look_s = 30;

struct schema_registry {
	const struct services *services;
	struct pool_query query;
	ev_timer timer;
	struct narrowings *rules;    /* in force */
	char mark[MARK_BYTES];       /* of what is in force */
	bool ready, looking, again;
	void (*changed)(void *ctx);
	void *ctx;
};

static struct narrowings *rules_destroy(struct narrowings *n)
{
	if (n)
		arena_reset(&n->arena);
	free(n);
	return NULL;
}

/* A row that does not fit the built-in schema any more is left out: it was checked by another release. */
static void add(struct narrowings *n, const PGresult *p, int row)
{
	const char *topic = PQgetvalue(p, row, 0), *version = PQgetvalue(p, row, 1);
	const struct topic *t = event_topic_find(slice_of(topic));
	struct schema_faults faults = { 0 };
	struct narrowing *x;

	if (t && schema_version_valid(version) &&
	    schema_compile(&n->arena, t, version, slice_of(PQgetvalue(p, row, 2)), &x, &faults)) {
		x->next = n->first;
		n->first = x;
		return;
	}
	log_warn("schemas", "the registered schema %s %s is not in force: %s", topic, version,
		 faults.n ? faults.list[0].description : "unknown topic or version");
}

static void look(struct schema_registry *r);

static void after_look(struct schema_registry *r)
{
	r->looking = false;
	if (r->services->draining)
		return;
	if (r->again) {
		r->again = false;
		look(r);
		return;
	}
	loop_timer(r->services->loop, &r->timer, r->ready ? look_s : first_s, 0);
}

static void read_mark(const PGresult *p, char mark[MARK_BYTES])
{
	snprintf(mark, MARK_BYTES, "%s.%s", PQgetvalue(p, 0, 0), PQgetvalue(p, 0, 1));
}

static void on_loaded(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct schema_registry *r = (struct schema_registry *)((char *)q - offsetof(struct schema_registry, query));
	struct narrowings *n = c ? NULL : calloc(1, sizeof(*n));
	bool first = !r->ready;

	(void)e;
	if (!n) {
		after_look(r);
		return;
	}
	arena_init(&n->arena, RULES_BYTES);
	for (int i = 0; i < PQntuples(results[1]); i++)
		add(n, results[1], i);
	read_mark(results[0], r->mark);
	ingest_use_schemas(r->services->ingest, n);
	rules_destroy(r->rules);
	r->rules = n;
	r->ready = true;
	after_look(r);
	if (!first && r->changed)
		r->changed(r->ctx);
}

static void ask(struct schema_registry *r, bool load,
		void (*done)(struct pool_query *, enum err_code, PGresult *const *, const struct err *))
{
	struct err e;

	r->looking = true;
	r->query = (struct pool_query){ .nstatements = load ? 2 : 1, .done = done,
					.deadline_us = clock_mono_us() + LOOK_US };
	r->query.statements[0] = (struct pool_statement){ .name = "schemas_mark" };
	r->query.statements[1] = (struct pool_statement){ .name = "schemas_active" };
	if (pool_run(r->services->queries, &r->query, &e))
		after_look(r);
}

static void on_mark(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct schema_registry *r = (struct schema_registry *)((char *)q - offsetof(struct schema_registry, query));
	char mark[MARK_BYTES];

	(void)e;
	if (!c) {
		read_mark(results[0], mark);
		if (strcmp(mark, r->mark)) {
			ask(r, true, on_loaded);
			return;
		}
	}
	after_look(r);
}

static void look(struct schema_registry *r)
{
	if (r->ready)
		ask(r, false, on_mark);
	else
		ask(r, true, on_loaded);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct schema_registry *r = t->data;

	(void)ev, (void)revents;
	r->services->loop->changed = true; /* the timer ended by itself */
	if (!r->services->draining)
		look(r);
}

void schema_registry_look(struct schema_registry *r)
{
	if (r->looking) {
		r->again = true;
		return;
	}
	loop_timer_stop(r->services->loop, &r->timer);
	look(r);
}

static void on_news(void *ctx)
{
	struct schema_registry *r = ctx;

	if (r->ready && !r->services->draining) /* else it looks all the time */
		schema_registry_look(r);
}

bool schema_registry_ready(const struct schema_registry *r)
{
	return r->ready;
}

void schema_registry_on_change(struct schema_registry *r, void (*fn)(void *ctx), void *ctx)
{
	r->changed = fn;
	r->ctx = ctx;
}

enum err_code schema_registry_create(struct schema_registry **out, const struct services *s, struct err *e)
{
	struct schema_registry *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ERR_QUOTA, "no memory for the registered schemas");
	r->services = s;
	ev_init(&r->timer, on_timer);
	r->timer.data = r;
	*out = r;
	event_store_on_news(s->events, on_news, r);
	loop_timer(s->loop, &r->timer, 0, 0);
	return ERR_OK;
}

struct schema_registry *schema_registry_destroy(struct schema_registry *r)
{
	if (!r)
		return NULL;
	loop_timer_stop(r->services->loop, &r->timer);
	rules_destroy(r->rules);
	free(r);
	return NULL;
}
