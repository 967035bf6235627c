/* test/fuzz/judge_twice.h -- what must hold for any event: the same verdict each time, rows and letters that
 * PostgreSQL can take, and a row whose properties are JSON. */
#ifndef TEST_FUZZ_JUDGE_TWICE_H
#define TEST_FUZZ_JUDGE_TWICE_H

#include "server/ingest/event.h"

#include <assert.h>

typedef bool decode_fn(struct arena *a, struct slice bytes, struct slice route, struct event_in *in,
		       struct rejection *rej);

struct verdict {
	struct arena arena;
	struct event_row row;
	struct rejection rej;
	bool stored;
};

/* PostgreSQL takes valid UTF-8 without NUL. */
static void expect_row(const struct event_row *r)
{
	const struct slice all[] = {
		r->event_id, r->event_type, r->event_source, r->schema_version, r->trace_id, r->cart_id,
		r->session_id, r->customer_id, r->order_id, r->product_id, r->currency, r->status,
		r->ip_address, r->user_agent, r->email, r->pii_key_id, r->items, r->properties,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert(!all[i].p || json_utf8_valid(all[i]));
}

static void expect_letter(const struct dead_letter *l)
{
	const struct slice all[] = { l->event_id, l->event_type, l->topic, l->source, l->trace_id,
				     l->error_code, l->error_field, l->error_message, l->payload };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert(!all[i].p || json_utf8_valid(all[i]));
	assert(l->error_code.n && l->topic.n);
}

static void judge_once(decode_fn *decode, struct slice bytes, struct verdict *v)
{
	static const struct pii_key key = { { "k", 1 }, { "a secret of the fuzzers, 32 bytes", 33 } };
	const struct event_rules rules = { .now_us = 1795457700000000, .retention_days = 90,
					   .reporting_currency = "USD", .key = &key };
	struct dead_letter l;
	struct event_in in;

	arena_init(&v->arena, 64 << 20);
	v->stored = decode(&v->arena, bytes, SLICE("fuzz"), &in, &v->rej) &&
		    event_judge(&v->arena, &in, &rules, &v->row, &v->rej);
	if (v->stored)
		return;
	assert(v->rej.code > REJECT_NONE && v->rej.code < REJECT_CODES && v->rej.message[0]);
	assert(json_utf8_valid(slice_of(v->rej.field)) && json_utf8_valid(slice_of(v->rej.message)));
	if (!event_letter(&v->arena, &in, &rules, &v->rej, &l))
		return; /* the arena is full */
	expect_letter(&l);
}

static void judge_twice(decode_fn *decode, struct slice bytes)
{
	struct verdict a, b;
	const char *why;

	judge_once(decode, bytes, &a);
	judge_once(decode, bytes, &b);
	assert(a.stored == b.stored);
	if (a.stored) {
		assert(memcmp(&a.row.key, &b.row.key, sizeof(a.row.key)) == 0);
		assert(memcmp(a.row.digest, b.row.digest, sizeof(a.row.digest)) == 0);
		expect_row(&a.row);
		/* masked keys may have become equal, which PostgreSQL takes and our reader does not */
		why = "";
		assert(json_parse(&b.arena, a.row.properties, &why) || strstr(why, "same key twice"));
		assert(!a.row.items.p || json_parse(&b.arena, a.row.items, &why));
	}
	arena_reset(&a.arena);
	arena_reset(&b.arena);
}

#endif
