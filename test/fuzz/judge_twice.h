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

static void expect_text(struct slice s)
{
	assert(!s.p || json_utf8_valid(s));
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
	for (const struct slice *s = &l.event_id; s <= &l.payload; s++)
		expect_text(*s);
	assert(l.error_code.n && l.topic.n);
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
		for (const struct slice *s = &a.row.event_id; s <= &a.row.product_id; s++)
			expect_text(*s);
		for (const struct slice *s = &a.row.currency; s <= &a.row.pii_key_id; s++)
			expect_text(*s);
		for (const struct slice *s = &a.row.items; s <= &a.row.properties; s++)
			expect_text(*s);
		/* masked keys may have become equal, which PostgreSQL takes and our reader does not */
		why = "";
		assert(json_parse(&b.arena, a.row.properties, &why) || strstr(why, "same key twice"));
		assert(!a.row.items.p || json_parse(&b.arena, a.row.items, &why));
	}
	arena_reset(&a.arena);
	arena_reset(&b.arena);
}

#endif
