#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/cells.h"
#include "server/services.h"
#include "storage/base/buf.h"
#include "storage/base/clock.h"
#include "storage/job_control.h"
#include "storage/pg/pool.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DEFAULT_RUNS = 5, MAX_RUNS = 100, ANSWER_MARGIN_US = 500000, QUERY_US = 5 * 1000000 };

typedef Api__Analytics__V1__ListJobsRequest list_request;
typedef Api__Analytics__V1__ListJobsResponse list_response;
typedef Api__Analytics__V1__RunJobRequest run_request;
typedef Api__Analytics__V1__RunJobResponse run_response;
typedef Api__Analytics__V1__Job job;
typedef Api__Analytics__V1__JobRun job_run;

static bool given(const char *s)
{
	return s && *s;
}

static job_run *make_run(struct arena *a, const PGresult *p, int row)
{
	job_run *r = arena_alloc(a, sizeof(*r));

	if (!r)
		return NULL;
	api__analytics__v1__job_run__init(r);
	r->slot = cell_text(p, row, 1);
	r->day = cell_text(p, row, 2);
	r->state = cell_text(p, row, 3);
	r->has_by_hand = r->has_attempts = r->has_given_up = true;
	r->by_hand = *PQgetvalue(p, row, 4) == 't';
	r->attempts = (int32_t)cell_int(p, row, 5);
	r->given_up = *PQgetvalue(p, row, 6) == 't';
	r->has_fence = !PQgetisnull(p, row, 7);
	r->fence = cell_int(p, row, 7);
	r->owner = cell_text(p, row, 8);
	r->started_at = cell_text(p, row, 9);
	r->finished_at = cell_text(p, row, 10);
	r->error = cell_text(p, row, 11);
	r->detail = cell_text(p, row, 12);
	return r;
}

/* --- the list --- */

struct listing {
	struct pool_query query;
	struct call *call;
	struct buf names;
	char runs[16];
};

static char *instant(struct arena *a, int64_t us)
{
	time_t s = (time_t)(us / 1000000);
	char text[32];
	struct tm tm;

	return arena_strndup(a, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &tm)));
}

static bool add_runs(struct listing *l, job *j, const PGresult *runs)
{
	int n = PQntuples(runs);

	j->runs = arena_alloc(&l->call->arena, ((size_t)n + 1) * sizeof(*j->runs));
	for (int i = 0; j->runs && i < n; i++) {
		if (strcmp(PQgetvalue(runs, i, 0), j->name))
			continue;
		if (!(j->runs[j->n_runs++] = make_run(&l->call->arena, runs, i)))
			return false;
	}
	return j->runs;
}

static job *make_job(struct listing *l, const struct job_info *info, PGresult *const *results)
{
	struct arena *a = &l->call->arena;
	job *j = arena_alloc(a, sizeof(*j));

	if (!j)
		return NULL;
	api__analytics__v1__job__init(j);
	j->name = (char *)info->name;
	j->schedule = arena_strndup(a, info->schedule, strlen(info->schedule));
	j->catch_up = (char *)info->catch_up;
	j->next_slot = info->next_us ? instant(a, info->next_us) : NULL;
	for (int i = 0; i < PQntuples(results[1]); i++)
		if (!strcmp(PQgetvalue(results[1], i, 0), info->name))
			j->last_success = cell_text(results[1], i, 1);
	return j->schedule && add_runs(l, j, results[0]) ? j : NULL;
}

/* Is the job among those that were asked for: "{a,b}"? */
static bool wanted(const struct listing *l, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = l->names.p; (at = strstr(at, name)); at += n)
		if (strchr("{,", at[-1]) && strchr(",}", at[n]))
			return true;
	return false;
}

static void on_listed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct listing *l = (struct listing *)q; /* its first member */
	struct job_control *jobs = l->call->services->jobs;
	list_response out = API__ANALYTICS__V1__LIST_JOBS_RESPONSE__INIT;
	bool ok = true;

	out.jobs = arena_alloc(&l->call->arena, jobs->n * sizeof(*out.jobs));
	for (size_t i = 0; !c && out.jobs && ok && i < jobs->n; i++) {
		struct job_info info;

		jobs->info(jobs, i, &info);
		if (wanted(l, info.name))
			ok = (out.jobs[out.n_jobs++] = make_job(l, &info, results));
	}
	buf_reset(&l->names);
	if (c)
		call_fail_code(l->call, c, e->detail);
	else if (!out.jobs || !ok)
		call_fail_code(l->call, ERR_QUOTA, "the answer is too large; ask for fewer runs");
	else
		call_reply(l->call, &out.base);
}

static void on_list_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

/* The names as PostgreSQL's array; false: there is none. */
static bool name_jobs(struct listing *l, const char *only)
{
	struct job_control *jobs = l->call->services->jobs;
	struct job_info info;

	buf_init(&l->names, 4096);
	for (size_t i = 0; i < jobs->n; i++) {
		jobs->info(jobs, i, &info);
		if (!only || !strcmp(only, info.name))
			buf_printf(&l->names, "%c%s", l->names.n ? ',' : '{', info.name);
	}
	if (!l->names.n)
		return false;
	buf_put(&l->names, "}", 2);
	return true;
}

void admin_list_jobs(struct call *c, const ProtobufCMessage *req)
{
	const list_request *r = (const void *)req;
	struct listing *l = arena_zalloc(&c->arena, sizeof(*l));
	enum err_code rc;
	struct err e;

	if (!l) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	l->call = c;
	if (r->has_runs && r->runs < 0) {
		call_fail_field(c, "runs", "must not be negative");
		return;
	}
	if (!name_jobs(l, given(r->name) ? r->name : NULL)) {
		call_fail_field(c, "name", "no job has this name");
		return;
	}
	snprintf(l->runs, sizeof(l->runs), "%d", !r->has_runs ? DEFAULT_RUNS : r->runs < MAX_RUNS ? r->runs : MAX_RUNS);
	l->query = (struct pool_query){ .nstatements = 2, .deadline_us = c->deadline_us, .done = on_listed };
	l->query.statements[0] = (struct pool_statement){ "jobs_runs", 3, { l->names.p, l->runs, NULL } };
	l->query.statements[1] = (struct pool_statement){ "jobs_successes", 1, { l->names.p } };
	c->state = &l->query;
	c->on_cancel = on_list_cancel;
	rc = l->names.failed ? err_set(&e, ERR_QUOTA, "no memory for the call") : pool_run(c->services->queries, &l->query, &e);
	if (!rc)
		return;
	buf_reset(&l->names);
	call_fail_code(c, rc, e.detail);
}

/* --- a run --- */

struct running {
	struct job_ask ask;
	struct pool_query query;
	struct call *call;
	ev_timer patience;
	struct err failure;        /* of the run */
	enum err_code code;
	bool asking;               /* query is under way */
	char names[80], slot[24];
};

static void on_row(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct running *r = (struct running *)((char *)q - offsetof(struct running, query));
	run_response out = API__ANALYTICS__V1__RUN_JOB_RESPONSE__INIT;

	if (!c && PQntuples(results[0]))
		out.run = make_run(&r->call->arena, results[0], 0);
	if (out.run)
		call_reply(r->call, &out.base);
	else if (c || !r->code)
		call_fail_code(r->call, c ? c : ERR_INTERNAL, c ? e->detail : "the run is not in the history");
	else
		call_fail_code(r->call, r->code, r->failure.detail); /* it was never begun */
}

/* The answer: the run as the history has it. */
static void tell(struct running *r)
{
	enum err_code rc;
	struct err e;

	loop_timer_stop(r->call->services->loop, &r->patience);
	r->query = (struct pool_query){ .nstatements = 1, .deadline_us = clock_mono_us() + QUERY_US, .done = on_row };
	r->query.statements[0] = (struct pool_statement){ "jobs_runs", 3, { r->names, "1", r->slot } };
	rc = pool_run(r->call->services->queries, &r->query, &e);
	r->asking = !rc;
	if (rc)
		call_fail_code(r->call, rc, e.detail);
}

static void on_run_done(struct job_ask *a, enum err_code c, const struct err *e)
{
	struct running *r = (struct running *)a; /* its first member */

	r->code = c;
	if (c)
		r->failure = *e;
	tell(r);
}

static void on_patience_over(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct running *r = t->data;

	(void)ev, (void)revents;
	r->call->services->jobs->forget(r->call->services->jobs, &r->ask);
	tell(r);
}

static void on_run_cancel(struct call *c)
{
	struct running *r = c->state;

	if (r->asking) {
		pool_cancel(c->services->queries, &r->query);
		return;
	}
	loop_timer_stop(c->services->loop, &r->patience);
	c->services->jobs->forget(c->services->jobs, &r->ask);
	call_fail_code(c, ERR_CANCELLED, "the caller left; the run goes on");
}

static bool is_date(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%d", &tm);
	int day = tm.tm_mday;
	time_t t = timegm(&tm);

	return end && !*end && strlen(s) == 10 && gmtime_r(&t, &tm)->tm_mday == day;
}

void admin_run_job(struct call *c, const ProtobufCMessage *req)
{
	const run_request *q = (const void *)req;
	struct running *r = arena_zalloc(&c->arena, sizeof(*r));
	struct job_control *jobs = c->services->jobs;
	uint64_t now = clock_mono_us(), until = c->deadline_us - ANSWER_MARGIN_US;
	enum err_code rc;
	struct err e;

	if (!r) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	if (given(q->date) && !is_date(q->date)) {
		call_fail_field(c, "date", "a date such as 2026-11-23 is wanted");
		return;
	}
	r->call = c;
	r->ask.done = on_run_done;
	rc = given(q->name) ? jobs->run(jobs, q->name, given(q->date) ? q->date : NULL, &r->ask, &e) :
	     err_set(&e, ERR_NOT_FOUND, "no job has no name");
	if (rc == ERR_NOT_FOUND)
		call_fail_field(c, "name", "no job has this name");
	else if (rc == ERR_INVALID)
		call_fail_field(c, "date", e.detail);
	else if (rc)
		call_fail_code(c, rc, e.detail);
	if (rc)
		return;
	snprintf(r->names, sizeof(r->names), "{%s}", q->name);
	snprintf(r->slot, sizeof(r->slot), "%" PRId64, r->ask.slot_us);
	ev_init(&r->patience, on_patience_over);
	r->patience.data = r;
	loop_timer(c->services->loop, &r->patience, until > now ? (double)(until - now) / 1e6 : 0, 0);
	c->state = r;
	c->on_cancel = on_run_cancel;
}
