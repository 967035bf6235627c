#include "server/admin/erasure_watch.h"

#include "server/admin/erase_run.h"
#include "server/ingest/ingest.h"
#include "server/ingest/suppress.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOOK_US = 5 * 1000000, MARK_BYTES = 64 };
static const double first_s = 0.1, look_s = 2;

struct erasure_watch {
	const struct services *services;
	struct pool_query query;
	ev_timer timer;
	struct suppressions *erased; /* in force */
	char mark[MARK_BYTES];       /* of what is in force */
	char retention_days[16];
	bool ready, running;
	struct erase_run run;
};

static void on_run_done(struct erase_run *r, enum err_code c, const struct err *e)
{
	struct erasure_watch *w = (struct erasure_watch *)((char *)r - offsetof(struct erasure_watch, run));

	w->running = false;
	if (c && c != ERR_CANCELLED)
		log_warn("erasure", "erasure %s: %s", r->id, e->detail);
	else if (!c)
		log_info("erasure", "erasure %s: a round is over", r->id);
}

/* An erasure that is due: column 2 of the mark. */
static void take_up(struct erasure_watch *w, const PGresult *p)
{
	if (PQgetisnull(p, 0, 2) || w->running || w->services->draining)
		return;
	w->running = true;
	w->run = (struct erase_run){ .services = w->services, .yields = true, .done = on_run_done };
	snprintf(w->run.id, sizeof(w->run.id), "%s", PQgetvalue(p, 0, 2));
	erase_run_start(&w->run);
}

static void after_look(struct erasure_watch *w)
{
	if (!w->services->draining)
		loop_timer(w->services->loop, &w->timer, w->ready ? look_s : first_s, 0);
}

static void read_mark(const PGresult *p, char mark[MARK_BYTES])
{
	snprintf(mark, MARK_BYTES, "%s.%s", PQgetvalue(p, 0, 0), PQgetvalue(p, 0, 1));
}

static bool is_known(const char *key_id, struct slice present, const struct pii_key *old, unsigned nold)
{
	bool known = slice_is(present, key_id);

	for (unsigned i = 0; i < nold; i++)
		known |= slice_is(old[i].id, key_id);
	return known;
}

/* NULL when out of memory. */
static struct suppressions *read_hashes(const struct erasure_watch *w, const PGresult *p)
{
	struct slice key = ingest_key(w->services->ingest)->id;
	unsigned nold;
	const struct pii_key *old = ingest_old_keys(w->services->ingest, &nold);
	size_t n = (size_t)PQntuples(p), strange = 0;
	struct suppressions *s = calloc(1, sizeof(*s) + n * sizeof(s->list[0]));

	for (size_t i = 0; s && i < n; i++) {
		if (PQgetlength(p, (int)i, 0) != PII_HASH_CHARS)
			continue;
		memcpy(s->list[s->n].hash, PQgetvalue(p, (int)i, 0), PII_HASH_CHARS);
		s->list[s->n++].until_us = strtoll(PQgetvalue(p, (int)i, 1), NULL, 10);
		strange += !is_known(PQgetvalue(p, (int)i, 2), key, old, nold);
	}
	if (strange)
		log_warn("erasure", "%zu erased identities were recorded with a key that is neither the present one "
				    "nor in PII_HMAC_OLD_KEYS: their old events are not recognized", strange);
	if (s)
		suppressions_sort(s);
	return s;
}

static void on_looked(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e);

static void look(struct erasure_watch *w, bool load)
{
	struct err e;

	w->query = (struct pool_query){ .nstatements = load ? 2 : 1, .done = on_looked,
					.deadline_us = clock_mono_us() + LOOK_US };
	w->query.statements[0] = (struct pool_statement){ .name = "erased_mark" };
	w->query.statements[1] = (struct pool_statement){ "erased_hashes", 1, { w->retention_days } };
	if (pool_run(w->services->queries, &w->query, &e))
		after_look(w);
}

static void on_looked(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct erasure_watch *w = (struct erasure_watch *)((char *)q - offsetof(struct erasure_watch, query));
	struct suppressions *fresh;
	char mark[MARK_BYTES];

	(void)e;
	if (c) {
		after_look(w);
		return;
	}
	read_mark(results[0], mark);
	if (q->nstatements == 1 && strcmp(mark, w->mark)) {
		look(w, true);
		return;
	}
	if (q->nstatements == 2 && (fresh = read_hashes(w, results[1]))) {
		ingest_use_suppressions(w->services->ingest, fresh);
		free(w->erased);
		w->erased = fresh;
		memcpy(w->mark, mark, sizeof(mark));
		w->ready = true;
	}
	take_up(w, results[0]);
	metric_set(metric_get(M_PII_FINDINGS, "", ""), strtod(PQgetvalue(results[0], 0, 3), NULL));
	after_look(w);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct erasure_watch *w = t->data;

	(void)ev, (void)revents;
	w->services->loop->changed = true; /* the timer ended by itself */
	if (!w->services->draining)
		look(w, !w->ready);
}

bool erasure_watch_ready(const struct erasure_watch *w)
{
	return w->ready;
}

enum err_code erasure_watch_create(struct erasure_watch **out, const struct services *s, struct err *e)
{
	struct erasure_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, ERR_QUOTA, "no memory for the erased identities");
	w->services = s;
	snprintf(w->retention_days, sizeof(w->retention_days), "%u", s->conf->retention_days);
	ev_init(&w->timer, on_timer);
	w->timer.data = w;
	*out = w;
	loop_timer(s->loop, &w->timer, 0, 0);
	return ERR_OK;
}

struct erasure_watch *erasure_watch_destroy(struct erasure_watch *w)
{
	if (!w)
		return NULL;
	loop_timer_stop(w->services->loop, &w->timer);
	if (w->running)
		erase_run_forget(&w->run);
	free(w->erased);
	free(w);
	return NULL;
}
