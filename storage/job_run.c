#include "storage/job_run.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WHERE "job_run"

enum { CONTROL_US = 5 * 1000000 };

static void settle(struct job_run *r);

static struct job_run *of_control(struct pool_query *q)
{
	return (struct job_run *)((char *)q - offsetof(struct job_run, control));
}

static struct job_run *of_tx(struct pool_query *q)
{
	return (struct job_run *)((char *)q - offsetof(struct job_run, tx));
}

static uint64_t lease_us(const struct job_run *r)
{
	return r->place->conf->job_lease_sec * UINT64_C(1000000);
}

static enum err_code control(struct job_run *r, const struct pool_statement *s, int n,
			     void (*done)(struct pool_query *, enum err_code, PGresult *const *, const struct err *),
			     struct err *e)
{
	r->control = (struct pool_query){ .nstatements = n, .writes = true, .done = done,
					  .deadline_us = clock_mono_us() + CONTROL_US };
	for (int i = 0; i < n; i++)
		r->control.statements[i] = s[i];
	return pool_run(r->place->leases, &r->control, e);
}

/* --- the end --- */

/* A lease query under way, the work, and the settling come one after the other. */
static void finish(struct job_run *r)
{
	if (!r->done || r->renewing)
		return;
	if (!r->settling) {
		settle(r);
		return;
	}
	job_run_reset(r);
	r->ended(r, r->why, &r->failure);
}

static void on_settled(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct job_run *r = of_control(q);

	if (c)
		log_warn(WHERE, "%s: its end could not be recorded, it will be run again: %s", r->job, e->detail);
	else if (!PQntuples(results[0]) && !r->why)
		r->why = err_set(&r->failure, ERR_PRECONDITION, "the lease was lost");
	finish(r);
}

static void settle(struct job_run *r)
{
	bool released = r->why == ERR_CANCELLED;
	const char *state = !r->why ? "succeeded" : released ? "released" : "failed";
	const char *detail = NULL;
	struct pool_statement s[2];
	struct err e;

	r->settling = true;
	if (r->detail.n) {
		buf_putc(&r->detail, '\0');
		detail = r->detail.failed ? NULL : r->detail.p;
	}
	s[0] = (struct pool_statement){ "job_settle", 7, { r->job, r->slot, r->fence, state,
							   r->why ? r->failure.detail : NULL, detail, r->attempts } };
	s[1] = (struct pool_statement){ "job_forget", 1, { r->job } };
	if (!control(r, s, 2, on_settled, &e))
		return;
	log_warn(WHERE, "%s: its end cannot be recorded, it will be run again: %s", r->job, e.detail);
	finish(r);
}

void job_end(struct job_run *r, enum err_code c, const struct err *e)
{
	assert(!r->done && !r->in_tx);
	r->done = true;
	r->on_stop = NULL;
	loop_timer_stop(r->place->loop, &r->renewal);
	if (c && !r->why) { /* who stopped it has said why */
		r->why = c;
		if (e)
			r->failure = *e;
		else
			err_set(&r->failure, c, "%s", err_name(c));
	}
	if (!c)
		r->why = ERR_OK;
	finish(r);
}

void job_run_stop(struct job_run *r, enum err_code why)
{
	if (r->done || r->stopping)
		return;
	r->stopping = true;
	r->why = err_set(&r->failure, why, "%s", why == ERR_DEADLINE ? "it took too long" :
			 why == ERR_CANCELLED ? "the service ended" : "the lease was lost");
	if (r->in_tx)
		pool_cancel(r->place->work, &r->tx);
	else if (r->on_stop)
		r->on_stop(r);
}

void job_run_reset(struct job_run *r)
{
	loop_timer_stop(r->place->loop, &r->renewal);
	buf_reset(&r->detail);
	arena_reset(&r->arena);
}

/* --- its transactions --- */

static void on_tx(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct job_run *r = of_tx(q);

	r->in_tx = false;
	if (c || !r->next)
		job_end(r, c, e);
	else if (r->stopping)
		job_end(r, r->why, &r->failure);
	else
		r->next(r, results);
}

void job_tx(struct job_run *r, const struct pool_statement *statements, int n,
	    void (*next)(struct job_run *r, PGresult *const *results))
{
	enum err_code c;
	struct err e;

	assert(n <= JOB_MAX_STATEMENTS && !r->done && !r->in_tx);
	r->next = next;
	r->tx = (struct pool_query){ .nstatements = n + 1, .writes = true, .done = on_tx,
				     .deadline_us = r->started_us + r->timeout_s * UINT64_C(1000000) };
	for (int i = 0; i < n; i++)
		r->tx.statements[i] = statements[i];
	r->tx.statements[n] = (struct pool_statement){ "job_fence", 3, { r->job, r->slot, r->fence } };
	c = r->no_memory ? err_set(&e, ERR_QUOTA, "no memory for the run") : pool_run(r->place->work, &r->tx, &e);
	if (c)
		job_end(r, c, &e);
	else
		r->in_tx = true;
}

const char *job_text(struct job_run *r, const char *fmt, ...)
{
	char text[512];
	char *copy;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < sizeof(text));
	copy = arena_strndup(&r->arena, text, (size_t)n);
	r->no_memory = r->no_memory || !copy;
	return copy;
}

/* --- its lease --- */

static void on_renewed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct job_run *r = of_control(q);

	(void)e;
	r->renewing = false;
	if (!c && PQntuples(results[0]))
		r->renewed_us = clock_mono_us();
	else if (!c)
		job_run_stop(r, ERR_PRECONDITION);
	finish(r);
}

static void on_renewal(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct job_run *r = t->data;
	struct pool_statement s = { "job_renew", 4, { r->job, r->slot, r->fence, r->lease } };
	uint64_t now = clock_mono_us();

	(void)ev, (void)revents;
	if (now >= r->started_us + r->timeout_s * UINT64_C(1000000))
		job_run_stop(r, ERR_DEADLINE);
	else if (now >= r->renewed_us + lease_us(r))
		job_run_stop(r, ERR_PRECONDITION); /* it may be another's by now */
	if (!r->done && !r->renewing)
		r->renewing = control(r, &s, 1, on_renewed, NULL) == ERR_OK;
}

static void on_taken(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct job_run *r = of_control(q);
	bool taken = !c && PQntuples(results[0]);
	double every_s = (double)r->place->conf->job_lease_sec / 3;

	if (c && c != ERR_CANCELLED)
		log_warn(WHERE, "%s: cannot be taken: %s", r->job, e->detail);
	if (!taken) {
		r->begun(r, c, false);
		return;
	}
	snprintf(r->fence, sizeof(r->fence), "%s", PQgetvalue(results[0], 0, 0));
	r->started_us = r->renewed_us = clock_mono_us();
	buf_init(&r->detail, JOB_DETAIL_BYTES);
	arena_init(&r->arena, JOB_ARENA_BYTES);
	ev_init(&r->renewal, on_renewal);
	r->renewal.data = r;
	loop_timer(r->place->loop, &r->renewal, every_s, every_s);
	r->begun(r, ERR_OK, true);
	if (r->stopping)
		job_end(r, r->why, &r->failure);
	else
		r->start(r);
}

enum err_code job_run_take(struct job_run *r, struct err *e)
{
	struct pool_statement s = { "job_claim", 7, { r->job, r->slot, r->day, r->by_hand ? "true" : "false",
						      r->owner_name, r->lease, r->attempts } };
	time_t seconds = (time_t)(r->slot_us / 1000000);
	char host[64] = "?";
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(r->slot, sizeof(r->slot), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(r->slot + n, sizeof(r->slot) - n, ".%06dZ", (int)(r->slot_us % 1000000));
	snprintf(r->lease, sizeof(r->lease), "%u", r->place->conf->job_lease_sec);
	snprintf(r->attempts, sizeof(r->attempts), "%d", JOB_ATTEMPTS);
	gethostname(host, sizeof(host) - 1);
	snprintf(r->owner_name, sizeof(r->owner_name), "%s/%d", host, (int)getpid());
	return control(r, &s, 1, on_taken, e);
}
