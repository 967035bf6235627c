/* server/ingest/settle.c -- the way out: each event's outcome, counted once, and the request's report. */
#include "server/ingest/request.h"
#include "storage/base/metrics.h"

#include <assert.h>
#include <stdlib.h>

static const char *const outcome_names[OUT_OUTCOMES] = {
	[OUT_PENDING] = "pending",     [OUT_STORED] = "stored",       [OUT_DUPLICATE] = "duplicate",
	[OUT_REJECTED] = "rejected",   [OUT_UNAVAILABLE] = "refused",
};

struct type_counters *settle_counters(struct ingest *g, const char *type)
{
	struct type_counters *t = g->types;

	for (; t < g->types + MAX_TYPES - 1 && t->type; t++)
		if (t->type == type || !strcmp(t->type, type))
			return t;
	if (t->type)
		return t; /* the table is full: the last row takes the rest */
	t->type = type;
	for (int o = OUT_STORED; o < OUT_OUTCOMES; o++)
		t->of[o] = metric_get(M_EVENTS, type, outcome_names[o]);
	return t;
}

struct rejection *settle_keep_error(struct ingest_request *r, const struct rejection *error)
{
	struct rejection *kept = arena_alloc(&r->arena, sizeof(*kept));

	if (kept)
		*kept = *error;
	return kept;
}

struct slice settle_keep_id(struct ingest_request *r, struct slice id)
{
	char *kept = id.p ? arena_strndup(&r->arena, id.p, id.n) : NULL;

	return (struct slice){ kept, kept ? id.n : 0 };
}

static void add_result(struct ingest_request *r, struct ingest_result result)
{
	if (r->nresults == r->results_cap) {
		uint32_t cap = r->results_cap ? r->results_cap * 2 : 8;
		struct ingest_result *p = realloc(r->results, cap * sizeof(*p));

		if (!p)
			return; /* the counts still tell */
		r->results = p;
		r->results_cap = cap;
	}
	r->results[r->nresults++] = result;
}

void settle_receive(struct ingest *g, uint32_t events)
{
	g->in_flight += events;
	metric_add(g->received, events);
	metric_set(g->flying, (double)g->in_flight);
}

void settle_refuse(struct ingest *g, uint32_t events)
{
	assert(events <= g->in_flight);
	g->in_flight -= events;
	metric_add(settle_counters(g, "unknown")->of[OUT_UNAVAILABLE], events);
	metric_set(g->flying, (double)g->in_flight);
}

/* One of the request's holds is gone; with the last it is settled, and reported at the turn's end. */
static void drop(struct ingest_request *r)
{
	struct ingest *g = r->ingest;

	if (--r->pending)
		return;
	r->next = NULL;
	*g->settled_tail = r;
	g->settled_tail = &r->next;
	flush_soon(g);
}

void settle(struct pending of, enum outcome o, const struct rejection *error, struct slice event_id)
{
	struct ingest_request *r = of.request;
	struct ingest *g = r->ingest;

	assert(r->outcomes[of.index] == OUT_PENDING && g->in_flight);
	r->outcomes[of.index] = (uint8_t)o;
	r->count[o]++;
	if (o != OUT_STORED)
		add_result(r, (struct ingest_result){ of.index, o, error, settle_keep_id(r, event_id) });
	metric_add(of.counters->of[o], 1);
	g->in_flight--;
	metric_set(g->flying, (double)g->in_flight);
	drop(r);
}

void ingest_hold(struct ingest_request *r)
{
	r->ingest->held++;
}

void ingest_release(struct ingest_request *r)
{
	r->ingest->held--;
	flush_soon(r->ingest);
}

void ingest_close(struct ingest_request *r)
{
	settle_refuse(r->ingest, r->bill.events - r->total);
	drop(r);
}

uint32_t ingest_count(const struct ingest_request *r, enum outcome o)
{
	return r->count[o];
}

uint32_t ingest_total(const struct ingest_request *r)
{
	return r->total;
}

enum outcome ingest_outcome(const struct ingest_request *r, uint32_t index)
{
	return (enum outcome)r->outcomes[index];
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = ((const struct ingest_result *)a)->index, y = ((const struct ingest_result *)b)->index;

	return (x > y) - (x < y);
}

const struct ingest_result *ingest_results(const struct ingest_request *r, uint32_t *n)
{
	if (r->nresults)
		qsort(r->results, r->nresults, sizeof(*r->results), by_index);
	*n = r->nresults;
	return r->results;
}
