#include "jobs/projector.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/pg/pgq.h"
#include "storage/pg/sqlstate.h"
#include "storage/projection_steps.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	STEP_MARKS = 4096,
	STEP_ROWS = 6000,
	BASIS_PATIENCE_MS = 3600000, /* another currency or zone: all is made again */
};

static const double look_s = 0.25;      /* between two looks for marks */
static const double others_turn_s = 0.7; /* while somebody else projects */

#define NAME(n) n,
static const char *const step[] = { "project_take", PROJECTION_STEPS(NAME, NAME) "project_stale" };
#undef NAME
enum { STEP = sizeof(step) / sizeof(*step) };
_Static_assert((int)STEP <= (int)PGQ_MAX_STATEMENTS, "a step is one unit");

struct projector {
	const struct conf *conf;
	struct loop *loop;
	char decimals[8];            /* of the reporting currency */
	bool based;                  /* the settings are what the sums are made in */
	struct projector_watch watch;
	struct pgq q;
	struct pgq_unit unit;        /* one at a time */
	ev_timer timer;
	bool under_way;
	unsigned max_marks;          /* of the next step */
	unsigned failures;           /* transient ones in a row */
	uint64_t began_us;
};

/* What project_take says. */
struct taken {
	bool ours;
	unsigned marks;
	const char *first_mark;
	double named, came;
};

static void look_in(struct projector *p, double s)
{
	loop_timer(p->loop, &p->timer, s * (0.8 + 0.4 * (double)random() / (double)RAND_MAX), 0);
}

static void submit(struct projector *p, void (*done)(struct pgq_unit *u), const struct pgq_statement *st, unsigned n)
{
	p->unit.done = done;
	p->began_us = clock_mono_us();
	p->under_way = !pgq_submit(&p->q, &p->unit, st, n);
	if (!p->under_way)
		look_in(p, look_s);
}

static struct projector *of_unit(struct pgq_unit *u)
{
	struct projector *p = (struct projector *)((char *)u - offsetof(struct projector, unit));

	p->under_way = false;
	return p;
}

/* Not the data's fault: PostgreSQL or the connection is gone, or another transaction was in the way. */
static bool is_transient(const struct pgq_unit *u)
{
	return !u->state[0] || u->code == ERR_RETRY || sqlstate_is_away(u->state) || sqlstate_is_stale(u->state) ||
	       sqlstate_is_no_schema(u->state);
}

static void later(struct projector *p, const struct pgq_unit *u, const char *what)
{
	p->failures++;
	if (u->state[0] && u->code != ERR_RETRY)
		log_warn("jobs.projector", "%s: SQLSTATE %s", what, u->state);
	look_in(p, pgq_backoff_s(p->failures));
}

static struct taken read_taken(const PGresult *r)
{
	struct taken t = { 0 };

	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
		return t;
	t.ours = PQgetvalue(r, 0, 0)[0] == 't';
	t.marks = (unsigned)strtoul(PQgetvalue(r, 0, 1), NULL, 10);
	t.first_mark = PQgetvalue(r, 0, 2);
	t.named = strtod(PQgetvalue(r, 0, 3), NULL);
	t.came = strtod(PQgetvalue(r, 0, 4), NULL);
	return t;
}

static void on_blamed(struct pgq_unit *u)
{
	struct projector *p = of_unit(u);
	const PGresult *r = u->results[0];

	if (u->code) {
		later(p, u, "project_blame");
		return;
	}
	if (PQntuples(r) && PQgetvalue(r, 0, 0)[0] == 't')
		log_error("jobs.projector", "a stored event cannot be projected and was set aside");
	look_in(p, 0);
}

static void blame(struct projector *p, const char *mark)
{
	const char *params[] = { mark };
	const struct pgq_statement st = { .name = "project_blame", .nparams = 1, .params = params };

	submit(p, on_blamed, &st, 1);
}

/* The data are at fault: whose, is found by halves. */
static void on_refused(struct projector *p, const struct pgq_unit *u)
{
	struct taken t = read_taken(u->results[0]);

	log_warn("jobs.projector", "%s: SQLSTATE %s, with %u marks", u->failed < STEP ? step[u->failed] : "commit",
		 u->state, t.marks);
	if (!t.marks) {
		p->failures++;
		look_in(p, pgq_backoff_s(p->failures));
	} else if (t.marks > 1) {
		p->max_marks = t.marks / 2;
		look_in(p, 0);
	} else {
		blame(p, t.first_mark);
	}
}

static void on_step(struct pgq_unit *u)
{
	struct projector *p = of_unit(u);
	struct taken t = read_taken(u->results[0]);

	if (u->code) {
		if (is_transient(u))
			later(p, u, u->failed < STEP ? step[u->failed] : "commit");
		else
			on_refused(p, u);
		return;
	}
	p->failures = 0;
	if (t.marks) {
		metric_observe(metric_get(M_STEP, "", ""), (double)(clock_mono_us() - p->began_us) / 1e6);
		metric_add(metric_get(M_PROJECTED, "", ""), t.came);
	}
	if (t.came < t.named) {
		metric_add(metric_get(M_PROJECT_LOST, "", ""), t.named - t.came);
		log_error("jobs.projector", "%.0f stored events were not where their marks said", t.named - t.came);
	}
	if (!t.ours)
		look_in(p, others_turn_s);
	else
		look_in(p, t.named >= STEP_ROWS || t.marks >= p->max_marks || PQntuples(u->results[STEP - 1]) ? 0 : look_s);
	p->max_marks = p->max_marks * 2 < STEP_MARKS ? p->max_marks * 2 : STEP_MARKS;
}

static void start_step(struct projector *p)
{
	struct pgq_statement st[STEP] = { 0 };
	char marks[16], rows[16];
	const char *params[] = { marks, rows };

	snprintf(marks, sizeof(marks), "%u", p->max_marks);
	snprintf(rows, sizeof(rows), "%d", STEP_ROWS);
	for (unsigned i = 0; i < STEP; i++)
		st[i].name = step[i];
	st[0].nparams = 2;
	st[0].params = params;
	submit(p, on_step, st, STEP);
}

static void on_peeked(struct pgq_unit *u)
{
	struct projector *p = of_unit(u);
	const PGresult *r = u->results[0];

	if (u->code) {
		p->watch.lag(p->watch.ctx, 0);
		later(p, u, "project_peek");
		return;
	}
	metric_set(metric_get(M_MARKS, "", ""), strtod(PQgetvalue(r, 0, 0), NULL));
	metric_set(metric_get(M_LAG, "", ""), strtod(PQgetvalue(r, 0, 1), NULL));
	p->watch.lag(p->watch.ctx, strtod(PQgetvalue(r, 0, 1), NULL));
	metric_set(metric_get(M_MARKS_ASIDE, "", ""), strtod(PQgetvalue(r, 0, 2), NULL));
	if (strtod(PQgetvalue(r, 0, 0), NULL) > 0 || PQgetvalue(r, 0, 3)[0] == 't')
		start_step(p);
	else
		look_in(p, look_s);
}

static void on_based(struct pgq_unit *u)
{
	struct projector *p = of_unit(u);

	p->q.patience_ms = 0;
	if (u->code) {
		later(p, u, "project_basis");
		return;
	}
	p->based = PQgetvalue(u->results[1], 0, 0)[0] == 't';
	look_in(p, p->based ? 0 : look_s);
}

static void settle_basis(struct projector *p)
{
	const char *params[] = { p->conf->reporting_currency, p->decimals, p->conf->business_timezone };
	const struct pgq_statement st[] = { { .name = "project_patiently" },
					    { .name = "project_basis", .nparams = 3, .params = params } };

	p->q.patience_ms = BASIS_PATIENCE_MS;
	submit(p, on_based, st, 2);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	static const struct pgq_statement peek = { .name = "project_peek" };
	struct projector *p = t->data;

	(void)ev, (void)revents;
	p->loop->changed = true; /* the timer ended by itself */
	if (p->under_way || p->q.state != PGQ_READY)
		return;
	if (pgq_expired(&p->q))
		pgq_close(&p->q); /* on_change follows when there is a new one */
	else if (!p->based)
		settle_basis(p);
	else
		submit(p, on_peeked, &peek, 1);
}

static void on_change(struct pgq *q)
{
	struct projector *p = q->ctx;

	if (q->state == PGQ_READY)
		look_in(p, 0);
}

enum err_code projector_start(struct projector **out, const struct conf *c, unsigned decimals,
			      const struct projector_watch *w, struct loop *l, struct offload *o, struct err *e)
{
	struct projector *p;

	if (!c->projector)
		return ERR_OK;
	if (!(p = calloc(1, sizeof(*p))))
		return err_set(e, ERR_QUOTA, "no memory for the projector");
	p->conf = c;
	p->loop = l;
	p->watch = *w;
	snprintf(p->decimals, sizeof(p->decimals), "%u", decimals);
	p->max_marks = STEP_MARKS;
	ev_init(&p->timer, on_timer);
	p->timer.data = p;
	/* No breaker: calls need none of this, and it comes back by itself. */
	pgq_init(&p->q, c, l, o, SQL_PROJECT, NULL);
	p->q.ctx = p;
	p->q.on_change = on_change;
	p->q.keep = true;
	pgq_open(&p->q);
	*out = p;
	return ERR_OK;
}

struct projector *projector_stop(struct projector *p)
{
	if (!p)
		return NULL;
	pgq_reset(&p->q);
	loop_timer_stop(p->loop, &p->timer);
	free(p);
	return NULL;
}
