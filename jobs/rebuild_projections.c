/* All projections made anew beside the live ones, from stored events, by the projector's own statements; then the
 * live ones put right by them, some keys at a time (0009_sums.sql tells how that is exact while events come in).
 * The state is in the database: a step that fails for a while is tried again, a rebuild that was disturbed begins
 * again. */
#include "jobs/jobs.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/pg/pgq.h"
#include "storage/projection_steps.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_PAGES "512"             /* some 6,000 rows */
#define STEP_ROWS "8000"
#define HEAL_KEYS "20000"
#define NAME(n) n,

enum {
	FEW_ROWS = 8000,             /* left to follow: the projector may wait for them */
	MOST_FAILURES = 10,          /* in a row */
	MOST_STARTS = 5,
	LONG_MS = 3600000,           /* copying what is older */
};

static const double soon_s = 1.5;    /* longer than a projector waits that was not let */

enum phase { BEGIN, SEED, TAKE, HEAL, END };

struct rebuild {
	struct job_run *run;
	struct pgq q;
	struct pgq_unit unit;
	ev_timer timer;
	enum phase phase;
	bool under_way, failed, over;
	unsigned starts, failures;
	long events;
	unsigned wrong_tables;
	char wrong_table[64];        /* being put right, and how many of its rows were wrong */
	long wrong;
};

static const char *const begin[] = { "project_patiently", "project_rebuild_begin", "project_fence" };
static const char *const seed[] = { "project_rebuild_moment", "project_patiently", "project_rebuild_seed" };
static const char *const take[] = { "project_rebuild_path", "project_rebuild_take", PROJECTION_STEPS(NAME, NAME)
				    "project_fence" };
static const char *const heal[] = { "project_rebuild_lock", "project_rebuild_path", "project_rebuild_take",
				    PROJECTION_STEPS(NAME, NAME) "project_rebuild_heal", "project_fence" };
static const char *const finish[] = { "project_rebuild_lock", "project_rebuild_end", "project_fence" };

#define OF(list) list, sizeof(list) / sizeof(*(list))
static const struct {
	const char *const *names;
	unsigned n;
} phases[] = { [BEGIN] = { OF(begin) }, [SEED] = { OF(seed) }, [TAKE] = { OF(take) }, [HEAL] = { OF(heal) },
	       [END] = { OF(finish) } };

static void go_on(struct rebuild *b, double s)
{
	loop_timer(b->run->place->loop, &b->timer, s, 0);
}

/* Not from inside a unit's done. */
static void end(struct rebuild *b, enum err_code c, const struct err *e)
{
	struct job_run *r = b->run;

	b->over = true;
	loop_timer_stop(r->place->loop, &b->timer);
	pgq_reset(&b->q);
	r->state = NULL;
	r->on_stop = NULL;
	free(b);
	job_end(r, c, e);
}

/* How many rows of a table were wrong, once it is done with. */
static void report_table(struct rebuild *b)
{
	if (!b->wrong)
		return;
	buf_printf(&b->run->detail, "%s\"%s\": %ld", b->wrong_tables++ ? ", " : "", b->wrong_table, b->wrong);
	log_warn("jobs.rebuild_projections", "%ld rows of %s were wrong and are right now", b->wrong, b->wrong_table);
	b->wrong = 0;
}

static const PGresult *result_of(const struct rebuild *b, const char *name)
{
	for (unsigned i = 0; i < phases[b->phase].n; i++)
		if (!strcmp(phases[b->phase].names[i], name))
			return b->unit.results[i];
	return NULL;
}

static long number(const PGresult *r, int column)
{
	return strtol(PQgetvalue(r, 0, column), NULL, 10);
}

static double after_begin(struct rebuild *b)
{
	if (PQgetvalue(result_of(b, "project_rebuild_begin"), 0, 0)[0] != 't')
		return soon_s; /* somebody is being erased */
	b->phase = SEED;
	return 0;
}

static double after_take(struct rebuild *b)
{
	const PGresult *t = result_of(b, "project_rebuild_take");

	b->events += number(t, 0);
	if (!number(t, 1) && number(t, 2) < FEW_ROWS)
		b->phase = HEAL;
	return 0;
}

static double after_heal(struct rebuild *b)
{
	const PGresult *h = result_of(b, "project_rebuild_heal");
	const char *table = PQgetvalue(h, 0, 0);

	b->events += number(result_of(b, "project_rebuild_take"), 0);
	if (strcmp(table, b->wrong_table)) {
		report_table(b);
		snprintf(b->wrong_table, sizeof(b->wrong_table), "%s", table);
	}
	b->wrong += number(h, 1);
	if (PQgetvalue(h, 0, 2)[0] == 't') {
		report_table(b);
		b->phase = END;
	}
	return PQgetvalue(h, 0, 3)[0] == 't' ? soon_s : 0;
}

static void on_failure(struct rebuild *b)
{
	struct err e = { 0 };

	if (!strcmp(b->unit.state, "AJ001")) {
		err_set(&e, ERR_CANCELLED, "the lease is lost");
	} else if (!strcmp(b->unit.state, "AR001") && ++b->starts <= MOST_STARTS) {
		log_info("jobs.rebuild_projections", "disturbed: it begins again");
		b->phase = BEGIN;
		b->events = 0;
		go_on(b, soon_s);
		return;
	} else if (++b->failures <= MOST_FAILURES) {
		go_on(b, pgq_backoff_s(b->failures));
		return;
	} else {
		err_set(&e, b->unit.code, "%s: SQLSTATE %s",
			b->unit.failed < phases[b->phase].n ? phases[b->phase].names[b->unit.failed] : "commit",
			b->unit.state[0] ? b->unit.state : "none, connection lost");
	}
	end(b, e.code, &e);
}

static void on_done(struct pgq_unit *u)
{
	struct rebuild *b = (struct rebuild *)((char *)u - offsetof(struct rebuild, unit));
	double s = 0;

	b->under_way = false;
	b->q.patience_ms = 0;
	if (b->over)
		return;
	if (u->code) {
		b->failed = true;
		go_on(b, 0);
		return;
	}
	b->failures = 0;
	switch (b->phase) {
	case BEGIN:
		s = after_begin(b);
		break;
	case SEED:
		b->phase = TAKE;
		break;
	case TAKE:
		s = after_take(b);
		break;
	case HEAL:
		s = after_heal(b);
		break;
	case END:
		b->over = true;
		break;
	}
	go_on(b, s);
}

static void submit(struct rebuild *b)
{
	const char *const amounts[] = { STEP_PAGES, STEP_ROWS }, *const keys[] = { HEAL_KEYS };
	const char *const run[] = { b->run->job, b->run->slot, b->run->fence };
	struct pgq_statement st[PGQ_MAX_STATEMENTS] = { 0 };

	for (unsigned i = 0; i < phases[b->phase].n; i++) {
		st[i].name = phases[b->phase].names[i];
		if (!strcmp(st[i].name, "project_rebuild_take"))
			st[i].nparams = 2, st[i].params = amounts;
		else if (!strcmp(st[i].name, "project_rebuild_heal"))
			st[i].nparams = 1, st[i].params = keys;
		else if (!strcmp(st[i].name, "project_fence"))
			st[i].nparams = 3, st[i].params = run;
	}
	if (b->phase == BEGIN || b->phase == SEED)
		b->q.patience_ms = LONG_MS;
	b->unit.done = on_done;
	b->under_way = !pgq_submit(&b->q, &b->unit, st, phases[b->phase].n);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct rebuild *b = t->data;

	(void)ev, (void)revents;
	b->run->place->loop->changed = true; /* the timer ended by itself */
	if (b->over) {
		buf_printf(&b->run->detail, "}, \"events\": %ld}", b->events);
		end(b, ERR_OK, NULL);
	} else if (b->failed) {
		b->failed = false;
		on_failure(b);
	} else if (!b->under_way && b->q.state == PGQ_READY) {
		submit(b);
	}
}

static void on_change(struct pgq *q)
{
	struct rebuild *b = q->ctx;

	if (q->state == PGQ_READY)
		go_on(b, 0);
}

/* From outside: the service drains, or the lease is lost. What is in the database is taken away by the next run. */
static void on_stop(struct job_run *r)
{
	struct err e = { 0 };

	err_set(&e, ERR_CANCELLED, "stopped");
	end(r->state, ERR_CANCELLED, &e);
}

void rebuild_projections(struct job_run *r)
{
	struct rebuild *b = calloc(1, sizeof(*b));
	struct err e = { 0 };

	if (!b) {
		err_set(&e, ERR_QUOTA, "no memory for a rebuild");
		job_end(r, ERR_QUOTA, &e);
		return;
	}
	b->run = r;
	r->state = b;
	r->on_stop = on_stop;
	buf_puts(&r->detail, "{\"wrong\": {");
	ev_init(&b->timer, on_timer);
	b->timer.data = b;
	pgq_init(&b->q, r->place->conf, r->place->loop, r->place->offload, SQL_PROJECT, NULL);
	b->q.ctx = b;
	b->q.on_change = on_change;
	b->q.keep = true;
	pgq_open(&b->q);
}
