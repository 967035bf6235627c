#include "server/admin/letter_census.h"

#include "server/ingest/event_table.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/metrics.h"
#include "storage/pg/pool.h"

#include <stdlib.h>

enum { MAX_SERIES = 200, COUNT_US = 10 * 1000000, PAUSE_PER_WORK = 100 };
static const double first_s = 0.5, pause_s = 5;

struct letter_census {
	const struct services *services;
	ev_timer timer;
	struct pool_query query;
	uint64_t begun_us;
	struct metric *shown[MAX_SERIES];   /* those that may be other than 0 */
	unsigned nshown;
};

static void again(struct letter_census *c, double after_s)
{
	if (!c->services->draining)
		loop_timer(c->services->loop, &c->timer, after_s, 0);
}

/* A label is a topic that we know, or says that we do not: anybody can make up names. */
static void count(struct letter_census *c, const char *topic, const char *status, double n)
{
	const struct topic *t = event_topic_find(slice_of(topic));
	struct metric *m = metric_get(M_DEAD_LETTERS, t ? topic : "unknown", status);
	unsigned i = 0;

	while (i < c->nshown && c->shown[i] != m)
		i++;
	if (i == MAX_SERIES)
		return;
	if (i == c->nshown)
		c->shown[c->nshown++] = m;
	metric_add(m, n);
}

static void on_counted(struct pool_query *q, enum err_code code, PGresult *const *results, const struct err *e)
{
	struct letter_census *c = (struct letter_census *)((char *)q - offsetof(struct letter_census, query));
	double took_s = (double)(clock_mono_us() - c->begun_us) / 1e6;

	(void)e;
	for (unsigned i = 0; !code && i < c->nshown; i++)
		metric_set(c->shown[i], 0);
	for (int i = 0; !code && i < PQntuples(results[0]); i++)
		count(c, PQgetvalue(results[0], i, 0), PQgetvalue(results[0], i, 1),
		      strtod(PQgetvalue(results[0], i, 2), NULL));
	again(c, took_s * PAUSE_PER_WORK > pause_s ? took_s * PAUSE_PER_WORK : pause_s);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct letter_census *c = t->data;
	struct err e;

	(void)ev, (void)revents;
	c->services->loop->changed = true; /* the timer ended by itself */
	c->begun_us = clock_mono_us();
	c->query = (struct pool_query){ .nstatements = 1, .done = on_counted, .deadline_us = c->begun_us + COUNT_US,
					.statements = { { .name = "letters_count" } } };
	if (pool_run(c->services->queries, &c->query, &e))
		again(c, pause_s);
}

enum err_code letter_census_start(struct letter_census **out, const struct services *s, struct err *e)
{
	struct letter_census *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_QUOTA, "no memory for the count of dead letters");
	c->services = s;
	ev_init(&c->timer, on_timer);
	c->timer.data = c;
	*out = c;
	if (s->worker == 0)
		again(c, first_s);
	return ERR_OK;
}

struct letter_census *letter_census_stop(struct letter_census *c)
{
	if (!c)
		return NULL;
	loop_timer_stop(c->services->loop, &c->timer);
	free(c);
	return NULL;
}
