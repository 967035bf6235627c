#include "server/admin/erase_run.h"

#include "server/ingest/ingest.h"
#include "server/ingest/suppress.h"
#include "server/services.h"
#include "storage/base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PAGES "4096" /* a step looks at 32 MiB */
static const double busy_s = 0.1;
enum { STEP_US = 15 * 1000000, HASHES_BYTES = 4 << 20, KEEP_BYTES = 4096, PAUSE_S = 10, PAUSE_TIMEOUTS = 3 };

static struct erase_run *run_of(struct pool_query *q)
{
	return (struct erase_run *)((char *)q - offsetof(struct erase_run, query));
}

static void end(struct erase_run *r, enum err_code c, const struct err *e)
{
	erase_run_forget(r);
	r->done(r, c, e);
}

static void ask(struct erase_run *r, struct pool_statement s, bool writes,
		void (*done)(struct pool_query *, enum err_code, PGresult *const *, const struct err *))
{
	struct err e = { 0 };
	enum err_code c;

	r->query = (struct pool_query){ .nstatements = 1, .writes = writes, .done = done,
					.deadline_us = clock_mono_us() + STEP_US };
	r->query.statements[0] = s;
	c = r->stopped ? err_set(&e, ERR_CANCELLED, "given up") : pool_run(r->services->queries, &r->query, &e);
	if (c)
		end(r, c, &e);
}

static void on_step(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e);

static void step(struct erase_run *r)
{
	ask(r, (struct pool_statement){ "erasure_step", 5, { r->id, PAGES, r->keep.p, ERASE_LEASE, r->pause } }, true, on_step);
}

static void on_again(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct erase_run *r = t->data;

	(void)ev, (void)revents;
	r->services->loop->changed = true; /* the timer ended by itself */
	step(r);
}

static void wait_a_little(struct erase_run *r)
{
	struct err e = { 0 };

	if (r->yields || r->stopped || r->services->draining)
		end(r, err_set(&e, ERR_CANCELLED, "another one is at it"), &e);
	else
		loop_timer(r->services->loop, &r->again, busy_s, 0);
}

static void on_suppressed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	(void)results;
	if (c)
		end(run_of(q), c, e);
	else
		step(run_of(q));
}

/* Hashes of everyone found, as an array literal. */
static bool hash_all(struct erase_run *r, const PGresult *p)
{
	struct arena a;
	struct pii pii = { .a = &a, .key = ingest_key(r->services->ingest) };

	arena_init(&a, HASHES_BYTES);
	buf_clear(&r->hashes);
	buf_putc(&r->hashes, '{');
	for (int i = 0; i < PQntuples(p); i++) {
		bool email = !strcmp(PQgetvalue(p, i, 0), "email");
		struct slice id = { PQgetvalue(p, i, 1), (size_t)PQgetlength(p, i, 1) };
		struct slice hash = email ? suppress_hash_email(&pii, id) : suppress_hash_customer(&pii, id);

		if (i)
			buf_putc(&r->hashes, ',');
		buf_put(&r->hashes, hash.p, hash.n);
	}
	buf_put(&r->hashes, "}", 2); /* with the NUL */
	snprintf(r->key_id, sizeof(r->key_id), "%.*s", (int)pii.key->id.n, pii.key->id.p);
	arena_reset(&a);
	return !pii.failed && !r->hashes.failed;
}

static void on_found(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct erase_run *r = run_of(q);
	struct err own = { 0 };

	if (c)
		end(r, c, e);
	else if (!hash_all(r, results[0]))
		end(r, err_set(&own, ERR_QUOTA, "no memory for the identities found"), &own);
	else
		ask(r, (struct pool_statement){ "erasure_suppress", 3, { r->id, r->hashes.p, r->key_id } }, true,
		    on_suppressed);
}

static void on_step(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct erase_run *r = run_of(q);
	const char *action;

	if (c == ERR_RETRY) { /* a lock that was not to be had in time */
		wait_a_little(r);
		return;
	}
	if (c || !PQntuples(results[0])) {
		end(r, c ? c : ERR_INTERNAL, e);
		return;
	}
	action = PQgetvalue(results[0], 0, 0);
	if (!strcmp(action, "go"))
		step(r);
	else if (!strcmp(action, "busy"))
		wait_a_little(r);
	else if (!strcmp(action, "suppress"))
		ask(r, (struct pool_statement){ "erasure_found", 1, { r->id } }, false, on_found);
	else
		end(r, ERR_OK, NULL);
}

void erase_run_start(struct erase_run *r)
{
	struct slice names[SUPPRESS_KEPT_MAX];
	size_t n = suppress_kept(names);

	buf_init(&r->keep, KEEP_BYTES);
	buf_init(&r->hashes, HASHES_BYTES);
	for (size_t i = 0; i < n; i++)
		buf_printf(&r->keep, "%s%.*s", i ? "," : "{", (int)names[i].n, names[i].p);
	buf_put(&r->keep, "}", 2); /* with the NUL */
	/* What was judged before its worker knew of the erasure is stored by then, or never. */
	snprintf(r->pause, sizeof(r->pause), "%u",
		 PAUSE_S + PAUSE_TIMEOUTS * r->services->conf->db_statement_timeout_ms / 1000);
	ev_init(&r->again, on_again);
	r->again.data = r;
	loop_timer(r->services->loop, &r->again, 0, 0);
}

void erase_run_stop(struct erase_run *r)
{
	struct err e = { 0 };

	r->stopped = true;
	if (ev_is_active(&r->again))
		end(r, err_set(&e, ERR_CANCELLED, "given up"), &e);
}

void erase_run_forget(struct erase_run *r)
{
	if (r->services)
		loop_timer_stop(r->services->loop, &r->again);
	buf_reset(&r->keep);
	buf_reset(&r->hashes);
}
