#include "storage/event_store.h"
#include "test/integration/storage/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

struct ended {
	unsigned n;
	enum err_code code;
};

static void on_batch(struct event_batch *b, enum err_code c)
{
	struct ended *e = b->ctx;

	e->n++;
	e->code = c;
}

static void on_letters(struct letter_batch *b, enum err_code c)
{
	struct ended *e = b->ctx;

	e->n++;
	e->code = c;
}

static bool store_ready(void *s)
{
	return event_store_ready(s);
}

static bool has_ended(void *e)
{
	return ((struct ended *)e)->n > 0;
}

static struct event_batch *batch_of(unsigned from, unsigned n, int days, struct ended *e)
{
	struct event_batch *b = event_batch_create(n ? n : 1, 16 << 20);

	for (unsigned i = 0; i < n; i++) {
		struct event_row r = sample_row(from + i, days);

		event_batch_add(b, &r)->index = i;
	}
	*e = (struct ended){ 0 };
	b->done = on_batch;
	b->ctx = e;
	return b;
}

/* A connection may have died without the loop having seen it yet: then b is not taken. */
static enum err_code put(struct world *w, struct event_store *s, struct event_batch *b)
{
	struct ended *e = b->ctx;
	enum err_code c;

	e->n = 0;
	world_until(w, store_ready, s);
	c = event_store_put(s, b);
	cr_assert_eq(e->n, 0, "done() ran inside event_store_put");
	if (c)
		return c;
	world_until(w, has_ended, e);
	cr_assert_eq(e->n, 1);
	return e->code;
}

static unsigned count(const struct event_batch *b, enum row_verdict v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++)
		n += b->entries[i].verdict == v;
	return n;
}

static struct event_store *open_store(struct world *w)
{
	struct event_store *s;

	cr_assert_eq(event_store_create(&s, &w->conf, &w->loop, w->offload, NULL, NULL), ERR_OK);
	cr_assert(!event_store_ready(s));
	return s;
}

Test(event_store, stores_once_and_tells_duplicates_from_conflicts)
{
	struct world w;
	struct ended e;

	world_open(&w);
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 300, 0, &e);

	cr_assert_eq(put(&w, s, b), ERR_OK);
	cr_expect_eq(count(b, ROW_STORED), 300);
	event_batch_destroy(b);

	b = batch_of(290, 20, 0, &e);
	for (unsigned i = 0; i < b->n; i++) {
		if (b->entries[i].index == 3)
			b->entries[i].digest[5] ^= 1; /* other content */
		if (b->entries[i].index == 4)
			b->entries[i].digest[0] = 2;  /* another version of the digest: cannot be compared */
	}
	cr_assert_eq(put(&w, s, b), ERR_OK);
	for (unsigned i = 0; i < b->n; i++) {
		enum row_verdict want = b->entries[i].index >= 10 ? ROW_STORED
					: b->entries[i].index == 3 ? ROW_CONFLICT : ROW_DUPLICATE;

		cr_expect_eq(b->entries[i].verdict, want, "%u", b->entries[i].index);
	}
	event_batch_destroy(b);
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM analytics_events"), "310");
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM processed_events"), "310");
	cr_expect_str_eq(world_ask(&w, "SELECT concat_ws('|', event_type, event_source, amount, currency, "
				       "order_id, items->0->>'price', properties->>'campaign', cart_id IS NULL) "
				       "FROM analytics_events WHERE event_id = 'event-7'"),
			 "purchase|shop|1234.56|USD|o1|10.5|spring|t");
	event_store_destroy(s);
	world_close(&w);
}

Test(event_store, finds_refused_rows_and_keeps_their_neighbours)
{
	static const struct {
		unsigned at;
		const char *properties, *event_id;
	} bad[] = {
		{ 0, "{not json", NULL }, { 17, NULL, "\xff\xfe" }, { 18, "{\"a\": \"\\u0000\"}", NULL },
		{ 999, "", NULL },
	};
	enum { BAD = sizeof(bad) / sizeof(*bad), ROWS = 1000 };
	struct world w;
	struct ended e;

	world_open(&w);
	struct event_store *s = open_store(&w);
	struct event_batch *b = event_batch_create(ROWS, 16 << 20);

	b->done = on_batch;
	b->ctx = &e;
	for (unsigned i = 0; i < ROWS; i++) {
		struct event_row r = sample_row(i, 0);

		for (unsigned k = 0; k < BAD; k++)
			if (bad[k].at == i) {
				r.properties = bad[k].properties ? slice_of(bad[k].properties) : r.properties;
				r.event_id = bad[k].event_id ? slice_of(bad[k].event_id) : r.event_id;
			}
		event_batch_add(b, &r)->index = i;
	}
	cr_assert_eq(put(&w, s, b), ERR_OK);
	cr_expect_eq(count(b, ROW_STORED), ROWS - BAD);
	for (unsigned i = 0; i < ROWS; i++)
		if (b->entries[i].verdict == ROW_POISON) {
			unsigned k = 0;

			while (k < BAD && bad[k].at != b->entries[i].index)
				k++;
			cr_expect_lt(k, BAD, "row %u is good", b->entries[i].index);
		}
	cr_expect_eq(count(b, ROW_POISON), BAD);
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM analytics_events"), "996");
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM processed_events"), "996");
	event_batch_destroy(b);
	event_store_destroy(s);
	world_close(&w);
}

Test(event_store, makes_months_on_demand_and_again_when_one_was_taken_away)
{
	struct world w;
	struct ended e;

	world_open(&w);
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 10, 400, &e); /* behind the months made ahead */

	cr_assert_eq(put(&w, s, b), ERR_OK);
	cr_expect_eq(count(b, ROW_STORED), 10);
	event_batch_destroy(b);
	world_do(&w, "DO $$ BEGIN EXECUTE format('DROP TABLE %s', (SELECT tableoid::regclass FROM analytics_events "
		     "LIMIT 1)); END $$");
	b = batch_of(10, 10, 400, &e);
	cr_assert_eq(put(&w, s, b), ERR_OK);
	cr_expect_eq(count(b, ROW_STORED), 10);
	event_batch_destroy(b);

	b = batch_of(20, 2, 0, &e);
	b->entries[0].month = 300000 * 12; /* beyond PostgreSQL's calendar */
	cr_assert_eq(put(&w, s, b), ERR_OK);
	cr_expect_eq(count(b, ROW_POISON), 1);
	cr_expect_eq(count(b, ROW_STORED), 1);
	event_batch_destroy(b);
	event_store_destroy(s);
	world_close(&w);
}

static bool all_ended(void *arg)
{
	const struct ended *e = arg;

	for (unsigned i = 0; i < 8; i++)
		if (!e[i].n)
			return false;
	return true;
}

/* The same identities at the same time over several connections, in other orders. */
Test(event_store, concurrent_duplicates_are_stored_once)
{
	struct world w;
	struct ended e[8];
	struct event_batch *b[8];
	unsigned stored = 0, duplicates = 0, put_n = 0;

	world_open(&w);
	w.conf.ingest_conns = 4;
	struct event_store *s = open_store(&w);

	world_until(&w, store_ready, s);
	for (unsigned i = 0; i < 8; i++) {
		b[i] = batch_of(0, 500, 0, &e[i]);
		for (unsigned k = 0; k < 250 && i % 2; k++) {
			struct batch_entry swap = b[i]->entries[k];

			b[i]->entries[k] = b[i]->entries[499 - k];
			b[i]->entries[499 - k] = swap;
		}
	}
	for (;;) {
		while (put_n < 8 && event_store_has_room(s))
			cr_assert_eq(event_store_put(s, b[put_n++]), ERR_OK);
		if (all_ended(e))
			break;
		ev_run(w.loop.ev, EVRUN_ONCE);
	}
	for (unsigned i = 0; i < 8; i++) {
		cr_expect_eq(e[i].code, ERR_OK);
		stored += count(b[i], ROW_STORED);
		duplicates += count(b[i], ROW_DUPLICATE);
		event_batch_destroy(b[i]);
	}
	cr_expect_eq(stored, 500);
	cr_expect_eq(duplicates, 3500);
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM analytics_events"), "500");
	event_store_destroy(s);
	world_close(&w);
}

/* Other identities at the same time over several connections, all about the same few entities. */
Test(event_store, entities_that_all_share_lock_nobody_out)
{
	struct world w;
	struct ended e[8];
	struct event_batch *b[8];
	unsigned put_n = 0;

	world_open(&w);
	w.conf.ingest_conns = 4;
	struct event_store *s = open_store(&w);

	world_until(&w, store_ready, s);
	for (unsigned i = 0; i < 8; i++)
		b[i] = batch_of(i * 500, 500, 0, &e[i]);
	for (;;) {
		while (put_n < 8 && event_store_has_room(s))
			cr_assert_eq(event_store_put(s, b[put_n++]), ERR_OK);
		if (all_ended(e))
			break;
		ev_run(w.loop.ev, EVRUN_ONCE);
	}
	for (unsigned i = 0; i < 8; i++) {
		cr_expect_eq(e[i].code, ERR_OK);
		cr_expect_eq(count(b[i], ROW_STORED), 500);
		event_batch_destroy(b[i]);
	}
	event_store_destroy(s);
	/* A session tells its figures when it ends. */
	while (strcmp(world_ask(&w, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
				    "AND application_name = 'analyticsd'"), "0") != 0)
		;
	cr_expect_str_eq(world_ask(&w, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM event_sequence_tracking"), "7");
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) FROM event_sequence_tracking t WHERE last_time IS DISTINCT FROM "
				       "(SELECT max(created_at) FROM analytics_events "
				       "WHERE substr(event_id, 7)::integer % 7 = get_byte(uuid_send(t.entity_key), 0))"), "0");
	world_close(&w);
}

Test(event_store, full_and_not_ready_are_told_at_once)
{
	struct world w;
	struct ended e[3];
	struct event_batch *b[3];

	world_open(&w);
	w.conf.ingest_conns = 1;
	struct event_store *s = open_store(&w);

	for (unsigned i = 0; i < 3; i++)
		b[i] = batch_of(i * 10, 10, 0, &e[i]);
	cr_expect_eq(event_store_put(s, b[0]), ERR_STORE);
	world_until(&w, store_ready, s);
	cr_expect(event_store_idle(s));
	cr_expect_eq(event_store_put(s, b[0]), ERR_OK);
	cr_expect(!event_store_idle(s));
	cr_expect(event_store_has_room(s));
	cr_expect_eq(event_store_put(s, b[1]), ERR_OK);
	cr_expect(!event_store_has_room(s));
	cr_expect_eq(event_store_put(s, b[2]), ERR_QUOTA);
	world_until(&w, has_ended, &e[1]);
	cr_expect_eq(e[0].n, 1);
	cr_expect_eq(e[2].n, 0);
	cr_assert_eq(put(&w, s, b[2]), ERR_OK);
	for (unsigned i = 0; i < 3; i++)
		event_batch_destroy(b[i]);
	event_store_destroy(s);
	world_close(&w);
}

/* A batch under way when its session is killed is refused, and stored once when it comes again. */
Test(event_store, survives_killed_sessions)
{
	struct world w;
	struct ended e;
	unsigned refused = 0;

	world_open(&w);
	struct event_store *s = open_store(&w);

	for (unsigned round = 0; round < 20; round++) {
		struct event_batch *b = batch_of(round * 200, 200, 0, &e);

		do
			world_until(&w, store_ready, s);
		while (event_store_put(s, b) != ERR_OK); /* the last round's end of this one was not seen yet */
		world_do(&w, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
			     "WHERE datname = current_database() AND application_name = 'analyticsd'");
		world_until(&w, has_ended, &e);
		if (e.code) {
			cr_expect_eq(e.code, ERR_STORE);
			refused++;
			while (put(&w, s, b) != ERR_OK)
				continue;
		}
		cr_expect_eq(count(b, ROW_STORED) + count(b, ROW_DUPLICATE), 200);
		event_batch_destroy(b);
	}
	cr_expect_gt(refused, 0);
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) || '/' || count(DISTINCT event_key) FROM analytics_events"),
			 "4000/4000");
	event_store_destroy(s);
	world_close(&w);
}

Test(event_store, read_only_is_no_poison)
{
	struct world w;
	struct ended e;
	char sql[CONF_TEXT_BYTES + 64];

	world_open(&w);
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET default_transaction_read_only = on", w.conf.db_name);
	world_do(&w, sql);
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 5, 0, &e);

	cr_expect_eq(put(&w, s, b), ERR_STORE);
	cr_expect_eq(count(b, ROW_POISON), 0);
	event_batch_destroy(b);
	event_store_destroy(s);
	world_close(&w);
}

/* A lock that outlasts lock_timeout is tried again, and a schema made anew is no poison either. */
Test(event_store, waits_for_locks_and_outlives_new_types)
{
	struct world w;
	struct ended e;
	unsigned rounds = 0;

	world_open(&w);
	w.conf.db_statement_timeout_ms = 1000; /* lock_timeout: half of it */
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 5, 0, &e);

	world_until(&w, store_ready, s);
	world_do(&w, "BEGIN");
	world_do(&w, "LOCK TABLE processed_events");
	cr_assert_eq(event_store_put(s, b), ERR_OK);
	/* Until it was tried at least once: the backend waits for the lock, then no longer. */
	while (strcmp(world_ask(&w, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") == 0 && ++rounds < 100000)
		ev_run(w.loop.ev, EVRUN_NOWAIT);
	while (strcmp(world_ask(&w, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") != 0)
		ev_run(w.loop.ev, EVRUN_NOWAIT);
	world_do(&w, "COMMIT");
	world_until(&w, has_ended, &e);
	cr_expect_eq(e.code, ERR_OK);
	cr_expect_eq(count(b, ROW_STORED), 5);
	event_batch_destroy(b);

	world_do(&w, "ALTER TYPE event_row RENAME TO event_row_old");
	world_do(&w, "CREATE TYPE event_row AS (event_key uuid, digest uuid, created_at timestamptz, "
		     "received_at timestamptz, event_type text, event_id text, event_source text, "
		     "schema_version text, trace_id text, cart_id text, session_id text, customer_id text, "
		     "order_id text, product_id text, amount numeric, currency text, status text, "
		     "ip_address text, user_agent text, email text, pii_key_id text, items jsonb, "
		     "properties jsonb)");
	b = batch_of(100, 5, 0, &e);
	while (put(&w, s, b) != ERR_OK)
		cr_assert_eq(count(b, ROW_POISON), 0);
	cr_expect_eq(count(b, ROW_STORED), 5);
	event_batch_destroy(b);
	event_store_destroy(s);
	world_close(&w);
}

/* The server accepts and stays silent: the batch hears all the same, and later ones get through. */
Test(event_store, a_silent_server_fails_the_batch)
{
	struct world w;
	struct relay r;
	struct ended e;
	uint32_t real_port;

	world_open(&w);
	real_port = w.conf.db_port;
	if (w.conf.db_host[0] == '/')
		cr_skip_test("needs TCP");
	relay_open(&r, &w.conf);
	relay_start(&r);
	w.conf.db_port = r.port;
	w.conf.db_statement_timeout_ms = 100;
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 5, 0, &e);

	world_until(&w, store_ready, s);
	relay_freeze(&r);
	cr_assert_eq(event_store_put(s, b), ERR_OK);
	world_until(&w, has_ended, &e);
	cr_expect_eq(e.code, ERR_STORE);
	relay_kill(&r);
	w.conf.db_port = real_port;
	cr_expect_eq(put(&w, s, b), ERR_OK);
	event_batch_destroy(b);
	event_store_destroy(s);
	world_close(&w);
}

/* Connections are replaced while batches flow, and no batch notices. */
Test(event_store, connections_are_renewed_without_a_gap)
{
	struct world w;
	struct ended e;
	char first[64];

	world_open(&w);
	w.conf.ingest_conns = 1;
	w.conf.db_conn_max_lifetime_sec = 1;
	struct event_store *s = open_store(&w);
	static const char pid[] = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
				  "AND application_name = 'analyticsd' ORDER BY backend_start LIMIT 1";

	world_until(&w, store_ready, s);
	snprintf(first, sizeof(first), "%s", world_ask(&w, pid));
	for (unsigned i = 0; !i || !strcmp(first, world_ask(&w, pid)); i++) {
		struct event_batch *b = batch_of(i * 10, 10, 0, &e);

		cr_assert(event_store_has_room(s));
		cr_assert_eq(put(&w, s, b), ERR_OK);
		event_batch_destroy(b);
	}
	cr_expect(event_store_ready(s));
	event_store_destroy(s);
	world_close(&w);
}

Test(event_store, destroy_ends_what_is_under_way)
{
	struct world w;
	struct ended e;

	world_open(&w);
	struct event_store *s = open_store(&w);
	struct event_batch *b = batch_of(0, 5, 0, &e);

	world_until(&w, store_ready, s);
	cr_assert_eq(event_store_put(s, b), ERR_OK);
	event_store_destroy(s);
	cr_expect_eq(e.n, 1);
	cr_expect_eq(e.code, ERR_STORE);
	event_batch_destroy(b);
	event_store_destroy(open_store(&w)); /* while it connects */
	world_close(&w);
}

Test(event_store, a_letter_is_one_row_however_often_it_comes)
{
	struct world w;
	struct ended e;
	struct dead_letter d = { .key.b = { 1 }, .received_at_us = 1700000000000000, .event_type = SLICE("t"),
				 .topic = SLICE("orders"), .error_code = SLICE("MALFORMED_JSON"),
				 .error_field = SLICE(""), .error_message = SLICE("no JSON"),
				 .payload = { "a\0b\xff\xc3\xa9", 6 } };

	world_open(&w);
	struct event_store *s = open_store(&w);

	world_until(&w, store_ready, s);
	for (unsigned round = 0; round < 2; round++) {
		struct letter_batch *b = letter_batch_create(1 << 20);

		for (unsigned i = 0; i < 3; i++) {
			d.received_at_us += 1000000;
			d.key.b[15] = i == 2;
			cr_assert(letter_batch_add(b, &d));
		}
		e = (struct ended){ 0 };
		b->done = on_letters;
		b->ctx = &e;
		cr_assert_eq(event_store_put_letters(s, b), ERR_OK);
		world_until(&w, has_ended, &e);
		cr_expect_eq(e.code, ERR_OK);
		letter_batch_destroy(b);
	}
	cr_expect_str_eq(world_ask(&w, "SELECT string_agg(deliveries::text, ',' ORDER BY letter_key) "
				       "FROM dead_letter_queue"), "4,2");
	cr_expect_str_eq(world_ask(&w, "SELECT payload || extract(epoch FROM last_seen - first_seen)::int "
				       "FROM dead_letter_queue ORDER BY letter_key LIMIT 1"), "a?b?\xc3\xa9" "4");
	event_store_destroy(s);
	world_close(&w);
}
