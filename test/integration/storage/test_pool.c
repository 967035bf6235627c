#include "storage/base/clock.h"
#include "storage/migrate.h"
#include "storage/pg/pool.h"
#include "test/integration/storage/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

struct asked {
	struct pool_query q;
	unsigned n;
	enum err_code code;
	char text[64], detail[200];
};

static void on_answer(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *err)
{
	struct asked *a = (struct asked *)q;

	a->n++;
	a->code = c;
	snprintf(a->detail, sizeof(a->detail), "%s", err->detail);
	for (int i = 0; i < q->nstatements; i++)
		cr_assert_eq(c == ERR_OK, results[i] != NULL);
	if (!c && PQntuples(results[q->nstatements - 1]))
		snprintf(a->text, sizeof(a->text), "%s", PQgetvalue(results[q->nstatements - 1], 0, 0));
}

static void make(struct asked *a, uint64_t timeout_ms)
{
	memset(a, 0, sizeof(*a));
	a->q.done = on_answer;
	a->q.deadline_us = clock_mono_us() + timeout_ms * 1000;
}

/* The key as the settings have it. */
static void ask_key(struct asked *a, uint64_t timeout_ms)
{
	make(a, timeout_ms);
	a->q.nstatements = 1;
	a->q.statements[0] = (struct pool_statement){ .name = "pii_key_read" };
}

static void propose_key(struct asked *a, const char *key)
{
	make(a, 20000);
	a->q.writes = true;
	a->q.nstatements = 2;
	a->q.statements[0] = (struct pool_statement){ .name = "pii_key_propose", .nparams = 1, .params = { key } };
	a->q.statements[1] = (struct pool_statement){ .name = "pii_key_read" };
}

static void ask_zone(struct asked *a, const char *zone)
{
	make(a, 20000);
	a->q.nstatements = 1;
	a->q.statements[0] = (struct pool_statement){ .name = "query_range", .nparams = 7,
						      .params = { zone, "2024-05-05T00:00:00Z", "7d" } };
}

static bool answered(void *a)
{
	return ((struct asked *)a)->n > 0;
}

static void run(struct world *w, struct pool *p, struct asked *a)
{
	cr_assert_eq(pool_run(p, &a->q, NULL), ERR_OK);
	cr_assert_eq(a->n, 0, "done() ran inside pool_run");
	world_until(w, answered, a);
	cr_assert_eq(a->n, 1);
}

static struct pool *open_pool(struct world *w, unsigned conns)
{
	struct pool *p;

	cr_assert_eq(pool_create(&p, &w->conf, &w->loop, w->offload, NULL, conns, 2, 50, NULL), ERR_OK);
	return p;
}

static const char sessions[] = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
			       "AND application_name = 'analyticsd'";
static const char session_pids[] = "SELECT string_agg(pid::text, ',') FROM pg_stat_activity "
				   "WHERE datname = current_database() AND application_name = 'analyticsd'";

Test(pool, answers_and_writes)
{
	struct world w;
	struct asked a;

	world_open(&w);
	struct pool *p = open_pool(&w, 3);

	propose_key(&a, "secret");
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	cr_expect_str_eq(a.text, "secret");
	ask_key(&a, 20000);
	run(&w, p, &a);
	cr_expect_str_eq(a.text, "secret");
	propose_key(&a, "other");
	a.q.writes = false;
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_STORE, "a question may not write: %s", a.detail);
	ask_key(&a, 20000);
	run(&w, p, &a); /* the connection is usable again */
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	cr_expect_str_eq(a.text, "secret");
	pool_destroy(p);
	world_close(&w);
}

Test(pool, a_refused_value_is_told_without_the_value)
{
	struct world w;
	struct asked a;
	char first[64];

	world_open(&w);
	struct pool *p = open_pool(&w, 1);

	ask_zone(&a, "UTC");
	run(&w, p, &a);
	snprintf(first, sizeof(first), "%s", world_ask(&w, session_pids));
	for (unsigned i = 0; i < 3; i++) {
		ask_zone(&a, "Mars/Olympus");
		run(&w, p, &a);
		cr_expect_eq(a.code, ERR_DATA);
		cr_expect_str_eq(a.detail, "query_range: SQLSTATE 22023");
		ask_zone(&a, "Asia/Kolkata");
		run(&w, p, &a);
		cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	}
	cr_expect_str_eq(world_ask(&w, session_pids), first, "its connection was kept");
	pool_destroy(p);
	world_close(&w);
}

static bool all_answered(void *arg)
{
	const struct asked *a = arg;

	for (unsigned i = 0; i < 40; i++)
		if (!a[i].n)
			return false;
	return true;
}

Test(pool, many_share_few_connections)
{
	struct world w;
	static struct asked a[40];
	struct asked extra;

	world_open(&w);
	struct pool *p;

	cr_assert_eq(pool_create(&p, &w.conf, &w.loop, w.offload, NULL, 3, 2, 37, NULL), ERR_OK);
	for (unsigned i = 0; i < 40; i++) {
		ask_zone(&a[i], "UTC");
		cr_assert_eq(pool_run(p, &a[i].q, NULL), ERR_OK);
	}
	ask_key(&extra, 1000);
	cr_expect_eq(pool_run(p, &extra.q, NULL), ERR_QUOTA);
	world_until(&w, all_answered, a);
	for (unsigned i = 0; i < 40; i++)
		cr_expect_eq(a[i].code, ERR_OK, "%s", a[i].detail);
	pool_destroy(p);
	world_close(&w);
}

Test(pool, deadline_and_cancel_reach_the_statement)
{
	struct world w;
	struct asked a, b;

	world_open(&w);
	struct pool *p = open_pool(&w, 1);

	propose_key(&a, "secret");
	run(&w, p, &a);
	world_do(&w, "BEGIN");
	world_do(&w, "LOCK TABLE service_settings IN ACCESS EXCLUSIVE MODE");
	ask_key(&a, 150);
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_DEADLINE, "%s", a.detail);

	ask_key(&a, 20000);
	cr_assert_eq(pool_run(p, &a.q, NULL), ERR_OK);
	ask_key(&b, 20000);
	cr_assert_eq(pool_run(p, &b.q, NULL), ERR_OK); /* waits behind it */
	pool_cancel(p, &b.q);
	cr_expect_eq(b.n, 0);
	world_until(&w, answered, &b);
	cr_expect_eq(b.code, ERR_CANCELLED);
	pool_cancel(p, &a.q);
	cr_expect_eq(a.n, 0);
	world_until(&w, answered, &a);
	cr_expect_eq(a.code, ERR_CANCELLED);
	world_do(&w, "ROLLBACK");

	ask_key(&a, 20000);
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	cr_expect_str_eq(a.text, "secret");
	pool_destroy(p);
	world_close(&w);
}

/* Refused connections end questions at once; when PostgreSQL is back questions are answered again. */
Test(pool, comes_back_by_itself)
{
	struct world w;
	struct relay r;
	struct asked a;

	world_open(&w);
	if (w.conf.db_host[0] == '/')
		cr_skip_test("needs TCP");
	relay_open(&r, &w.conf);
	w.conf.db_port = r.port;
	struct pool *p = open_pool(&w, 2);

	for (unsigned i = 0; i < 3; i++) {
		ask_zone(&a, "UTC");
		run(&w, p, &a);
		cr_expect_eq(a.code, ERR_STORE, "%s", a.detail);
	}
	relay_start(&r);
	do {
		ask_zone(&a, "UTC");
		run(&w, p, &a);
	} while (a.code == ERR_STORE);
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	relay_kill(&r);
	ask_zone(&a, "UTC");
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_STORE, "%s", a.detail);
	pool_destroy(p);
	w.conf.db_port = r.to;
	world_close(&w);
}

/* A cancel that does not get through: the question ends, and its connection is dropped. */
Test(pool, a_silent_server_ends_questions_at_their_deadline)
{
	struct world w;
	struct relay r;
	struct asked a, b;

	world_open(&w);
	if (w.conf.db_host[0] == '/')
		cr_skip_test("needs TCP");
	relay_open(&r, &w.conf);
	relay_start(&r);
	w.conf.db_port = r.port;
	struct pool *p = open_pool(&w, 1);

	ask_zone(&a, "UTC");
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	relay_freeze(&r);
	ask_zone(&a, "UTC");
	a.q.deadline_us = clock_mono_us() + 100000;
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_DEADLINE, "%s", a.detail);
	ask_zone(&b, "UTC"); /* no connection comes about */
	run(&w, p, &b);
	cr_expect_eq(b.code, ERR_STORE, "%s", b.detail);
	relay_kill(&r);
	pool_destroy(p);
	w.conf.db_port = r.to;
	world_close(&w);
}

static bool no_sessions(void *w)
{
	return !strcmp(world_ask(w, sessions), "0");
}

Test(pool, idle_connections_are_closed)
{
	struct world w;
	struct asked a;

	world_open(&w);
	w.conf.db_conn_max_idle_time_sec = 1;
	struct pool *p = open_pool(&w, 2);

	ask_zone(&a, "UTC");
	run(&w, p, &a);
	cr_expect_str_eq(world_ask(&w, sessions), "1");
	world_until(&w, no_sessions, &w);
	ask_zone(&a, "UTC");
	run(&w, p, &a);
	cr_expect_eq(a.code, ERR_OK, "%s", a.detail);
	pool_destroy(p);
	world_close(&w);
}

Test(pool, destroy_ends_what_is_under_way)
{
	struct world w;
	struct asked a, b;

	world_open(&w);
	struct pool *p = open_pool(&w, 1);

	ask_zone(&a, "UTC");
	run(&w, p, &a);
	ask_zone(&a, "UTC");
	cr_assert_eq(pool_run(p, &a.q, NULL), ERR_OK);
	ask_zone(&b, "UTC");
	cr_assert_eq(pool_run(p, &b.q, NULL), ERR_OK);
	pool_destroy(p);
	cr_expect_eq(a.n, 1);
	cr_expect_eq(a.code, ERR_CANCELLED);
	cr_expect_eq(b.n, 1);
	cr_expect_eq(b.code, ERR_CANCELLED);
	world_close(&w);
}
