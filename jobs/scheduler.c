#include "jobs/scheduler.h"

#include "jobs/job_table.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define WHERE "jobs"

enum {
	MAX_RUNS = 2,            /* as many as the pool for their statements has connections */
	MAX_ASKED = 2,           /* by hand, besides */
	LOOK_S = 3,
	LOOK_US = 5 * 1000000,   /* deadline of a look */
	NAMES_BYTES = 4096,
};

struct entry {
	struct scheduler *s;
	const struct job *job;
	job_fn *start;
	void *ctx;
	ev_periodic at_slot;
	bool running;            /* here */
};

struct run {
	struct job_run run;
	struct scheduler *s;
	struct entry *entry;     /* NULL: free */
	struct job_ask *ask;     /* who waits for its end */
	uint64_t since_us;
	bool begun;
};

struct scheduler {
	struct job_control control;
	const struct job_place *place;
	struct entry entries[JOBS_MAX];
	struct run runs[MAX_RUNS + MAX_ASKED]; /* the last ones for runs by hand */
	ev_timer look;
	struct pool_query query;
	struct buf names, slots; /* parameters of the query under way */
	bool by_itself, looking, again, draining;
};

static void look(struct scheduler *s);

static struct scheduler *of_query(struct pool_query *q)
{
	return (struct scheduler *)((char *)q - offsetof(struct scheduler, query));
}

/* --- runs --- */

static void on_begun(struct job_run *r, enum err_code c, bool taken)
{
	struct run *run = r->owner;
	struct job_ask *ask = run->ask;
	struct err e = { 0 };

	run->begun = taken;
	if (taken) {
		log_info(WHERE, "%s: begun, slot %s", r->job, r->slot);
		return;
	}
	run->entry->running = false;
	run->entry = NULL;
	if (!ask)
		return;
	if (c)
		err_set(&e, c, "the run could not be started");
	else
		err_set(&e, ERR_PRECONDITION, "%s runs already", r->job);
	ask->done(ask, e.code, &e);
}

static void on_ended(struct job_run *r, enum err_code c, const struct err *e)
{
	struct run *run = r->owner;
	struct scheduler *s = run->s;
	double took_s = (double)(clock_mono_us() - run->since_us) / 1e6;

	metric_add(metric_get(M_JOB_RUNS, r->job, c ? c == ERR_CANCELLED ? "interrupted" : "failed" : "succeeded"), 1);
	metric_observe(metric_get(M_JOB_SECONDS, r->job, ""), took_s);
	if (c)
		log_warn(WHERE, "%s: slot %s failed: %s", r->job, r->slot, e->detail);
	else
		log_info(WHERE, "%s: slot %s succeeded in %.3f s", r->job, r->slot, took_s);
	run->entry->running = false;
	run->entry = NULL;
	if (run->ask)
		run->ask->done(run->ask, c, e);
	run->ask = NULL;
	look(s); /* the next slot may be due already */
}

/* A free place among runs[from..to), or NULL. */
static struct run *free_run(struct scheduler *s, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (!s->runs[i].entry)
			return &s->runs[i];
	return NULL;
}

static enum err_code begin(struct run *run, struct entry *n, int64_t slot_us, const char *day, struct job_ask *ask,
			   struct err *e)
{
	bool by_hand = ask != NULL;
	enum err_code c;

	*run = (struct run){ .s = n->s, .entry = n, .ask = ask, .since_us = clock_mono_us() };
	run->run = (struct job_run){ .place = n->s->place, .job = n->job->name, .start = n->start, .ctx = n->ctx,
				     .slot_us = slot_us, .by_hand = by_hand, .timeout_s = n->job->timeout_s,
				     .begun = on_begun, .ended = on_ended, .owner = run };
	if (day)
		snprintf(run->run.day, sizeof(run->run.day), "%s", day);
	else /* what comes every n minutes is about the time before */
		schedule_date(n->job->when.kind == EVERY ? slot_us - 1 : slot_us, n->job->days_back, run->run.day);
	c = job_run_take(&run->run, e);
	if (c)
		run->entry = NULL;
	else
		n->running = true;
	return c;
}

/* --- what is due --- */

/* The slot that is due, given the last one that was settled; 0: none. */
static int64_t due_slot(const struct job *j, int64_t settled_us, int64_t now_us)
{
	int64_t slot = j->catch_up == EACH ? schedule_next(&j->when, settled_us) : schedule_last(&j->when, now_us);

	return slot > settled_us && slot <= now_us ? slot : 0;
}

/* A job that was never due: from its last slot on it is. */
static void note_first(struct scheduler *s, const struct entry *n, int64_t now_us)
{
	char before = s->names.n ? ',' : '{';

	buf_printf(&s->names, "%c%s", before, n->job->name);
	buf_printf(&s->slots, "%c%" PRId64, before, schedule_last(&n->job->when, now_us) / 1000000);
}

static void end_look(struct scheduler *s)
{
	bool again = s->again;

	s->looking = s->again = false;
	if (again)
		look(s);
}

static void on_first_noted(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	(void)c, (void)results, (void)e;
	end_look(of_query(q));
}

static void note_all_first(struct scheduler *s)
{
	buf_put(&s->names, "}", 2);
	buf_put(&s->slots, "}", 2);
	s->query = (struct pool_query){ .nstatements = 1, .writes = true, .done = on_first_noted,
					.deadline_us = clock_mono_us() + LOOK_US };
	s->query.statements[0] = (struct pool_statement){ "jobs_begin", 2, { s->names.p, s->slots.p } };
	if (s->names.failed || s->slots.failed || pool_run(s->place->leases, &s->query, NULL))
		end_look(s);
}

static void judge(struct scheduler *s, struct entry *n, const PGresult *r, int row, int64_t now_us)
{
	struct run *run = free_run(s, 0, MAX_RUNS);
	bool waits = *PQgetvalue(r, row, 1) == 't';
	int64_t slot;
	struct err e;

	if (!PQgetisnull(r, row, 2))
		metric_set(metric_get(M_JOB_LAST_SUCCESS, n->job->name, ""), strtod(PQgetvalue(r, row, 2), NULL));
	if (!s->by_itself || s->draining || n->job->when.kind == ON_DEMAND || !n->start)
		return;
	if (PQgetisnull(r, row, 0)) {
		note_first(s, n, now_us);
		return;
	}
	slot = due_slot(n->job, strtoll(PQgetvalue(r, row, 0), NULL, 10), now_us);
	if (!slot || waits || n->running || !run)
		return;
	if (begin(run, n, slot, NULL, NULL, &e))
		log_warn(WHERE, "%s: cannot be started: %s", n->job->name, e.detail);
}

static void show_gaps(const PGresult *r)
{
	for (int i = 0; i < PQntuples(r); i++)
		metric_set(metric_get(M_RECONCILIATION_GAP, PQgetvalue(r, i, 0), ""), strtod(PQgetvalue(r, i, 1), NULL));
}

static void on_looked(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct scheduler *s = of_query(q);
	int64_t now_us = clock_wall_us();

	(void)e; /* whoever asks something finds out as well that PostgreSQL is away */
	buf_clear(&s->names);
	for (size_t i = 0; !c && i < s->control.n; i++)
		judge(s, &s->entries[i], results[0], (int)i, now_us);
	if (!c)
		show_gaps(results[1]);
	if (s->names.n)
		note_all_first(s);
	else
		end_look(s);
}

static void look(struct scheduler *s)
{
	if (s->draining)
		return;
	if (s->looking) {
		s->again = true;
		return;
	}
	buf_clear(&s->names);
	buf_clear(&s->slots);
	for (size_t i = 0; i < s->control.n; i++)
		buf_printf(&s->names, "%c%s", i ? ',' : '{', s->entries[i].job->name);
	buf_put(&s->names, "}", 2);
	s->query = (struct pool_query){ .nstatements = 2, .done = on_looked, .deadline_us = clock_mono_us() + LOOK_US };
	s->query.statements[0] = (struct pool_statement){ "jobs_look", 1, { s->names.p } };
	s->query.statements[1] = (struct pool_statement){ "reconciliation_gaps", 0, { NULL } };
	s->looking = !s->names.failed && pool_run(s->place->leases, &s->query, NULL) == ERR_OK;
}

static void on_look(struct ev_loop *ev, ev_timer *t, int revents)
{
	(void)ev, (void)revents;
	look(t->data);
}

/* --- at the slots --- */

static void on_slot(struct ev_loop *ev, ev_periodic *p, int revents)
{
	(void)ev, (void)revents;
	look(((struct entry *)p->data)->s);
}

/* May run on the polling thread: pure. */
static ev_tstamp next_slot(ev_periodic *p, ev_tstamp now)
{
	const struct entry *n = p->data;

	return (double)schedule_next(&n->job->when, (int64_t)(now * 1e6)) / 1e6;
}

/* --- asked for --- */

static void info(struct job_control *c, size_t i, struct job_info *out)
{
	const struct job *j = ((struct scheduler *)c)->entries[i].job; /* its first member */
	bool scheduled = j->when.kind != ON_DEMAND;

	*out = (struct job_info){ .name = j->name, .catch_up = !scheduled ? NULL : j->catch_up == EACH ? "each" : "last" };
	schedule_text(&j->when, out->schedule, sizeof(out->schedule));
	out->next_us = scheduled ? schedule_next(&j->when, clock_wall_us()) : 0;
}

static enum err_code run_by_hand(struct job_control *c, const char *name, const char *day, struct job_ask *a,
				 struct err *e)
{
	struct scheduler *s = (struct scheduler *)c;
	struct run *run = free_run(s, MAX_RUNS, MAX_RUNS + MAX_ASKED);

	for (size_t i = 0; i < s->control.n; i++) {
		struct entry *n = &s->entries[i];

		if (strcmp(n->job->name, name))
			continue;
		if (!n->start)
			return err_set(e, ERR_PRECONDITION, "this process cannot run %s", name);
		/* What is kept for a while is kept as seen from the run's day: a slip of the pen would end all of it. */
		if (day && !schedule_date_has_come(day, clock_wall_us()))
			return err_set(e, ERR_INVALID, "%s has not come yet", day);
		if (n->running)
			return err_set(e, ERR_PRECONDITION, "%s runs already", name);
		if (!run || s->draining)
			return err_set(e, ERR_QUOTA, "too many runs at once");
		a->slot_us = clock_wall_us();
		return begin(run, n, a->slot_us, day, a, e);
	}
	return err_set(e, ERR_NOT_FOUND, "no job has this name");
}

static void forget(struct job_control *c, struct job_ask *a)
{
	struct scheduler *s = (struct scheduler *)c;

	for (unsigned i = 0; i < MAX_RUNS + MAX_ASKED; i++)
		if (s->runs[i].entry && s->runs[i].ask == a)
			s->runs[i].ask = NULL;
}

/* --- life --- */

static void add_entry(struct scheduler *s, const struct job *j, const struct job_work *work)
{
	struct entry *n = &s->entries[s->control.n++];

	*n = (struct entry){ .s = s, .job = j, .start = j->start };
	for (; work && work->name && !n->start; work++)
		if (!strcmp(work->name, j->name))
			n->start = work->start, n->ctx = work->ctx;
	ev_periodic_init(&n->at_slot, on_slot, 0, 0, next_slot);
	n->at_slot.data = n;
	if (s->by_itself && n->start && j->when.kind != ON_DEMAND)
		loop_periodic(s->place->loop, &n->at_slot);
}

enum err_code scheduler_create(struct scheduler **out, const struct job_place *place, const struct job_work *work,
			       bool by_itself, struct err *e)
{
	struct scheduler *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(e, ERR_QUOTA, "no memory for the jobs");
	s->control = (struct job_control){ .info = info, .run = run_by_hand, .forget = forget };
	s->place = place;
	s->by_itself = by_itself;
	buf_init(&s->names, NAMES_BYTES);
	buf_init(&s->slots, NAMES_BYTES);
	for (const struct job *j = job_table; j->name; j++)
		add_entry(s, j, work);
	ev_init(&s->look, on_look);
	s->look.data = s;
	loop_timer(place->loop, &s->look, 0, LOOK_S);
	*out = s;
	return ERR_OK;
}

struct job_control *scheduler_control(struct scheduler *s)
{
	return &s->control;
}

void scheduler_drain(struct scheduler *s)
{
	s->draining = true;
	for (unsigned i = 0; i < MAX_RUNS + MAX_ASKED; i++)
		if (s->runs[i].entry)
			job_run_stop(&s->runs[i].run, ERR_CANCELLED);
}

bool scheduler_quiet(const struct scheduler *s)
{
	for (unsigned i = 0; i < MAX_RUNS + MAX_ASKED; i++)
		if (s->runs[i].entry)
			return false;
	return true;
}

struct scheduler *scheduler_destroy(struct scheduler *s)
{
	if (!s)
		return NULL;
	loop_timer_stop(s->place->loop, &s->look);
	for (unsigned i = 0; i < MAX_RUNS + MAX_ASKED; i++)
		if (s->runs[i].entry && s->runs[i].begun)
			job_run_reset(&s->runs[i].run);
	for (size_t i = 0; i < s->control.n; i++)
		loop_periodic_stop(s->place->loop, &s->entries[i].at_slot);
	buf_reset(&s->names);
	buf_reset(&s->slots);
	free(s);
	return NULL;
}
