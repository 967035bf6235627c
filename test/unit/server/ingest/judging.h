/* test/unit/server/ingest/judging.h -- one event judged at a fixed time, with a fixed key. */
#ifndef TEST_UNIT_SERVER_INGEST_JUDGING_H
#define TEST_UNIT_SERVER_INGEST_JUDGING_H

#include "server/ingest/event.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>

#define NOW_US 1795457700000000ll /* 2026-11-23T18:15:00Z */
#define NOW_TEXT "2026-11-23T18:15:00Z"
#define SECRET "a secret of the tests, 32 bytes!"

/* Criterion hands parameters to another process, where only an index still means something. */
#define INDEX_PARAMETERS(suite, name, cases)                                              \
	ParameterizedTestParameters(suite, name)                                          \
	{                                                                                 \
		static size_t at[sizeof(cases) / sizeof(*(cases))];                       \
		for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)                     \
			at[i] = i;                                                        \
		return cr_make_param_array(size_t, at, sizeof(at) / sizeof(*at));         \
	}

struct judged {
	struct arena arena;
	struct event_in in;
	struct rejection rej;
	struct event_row row;
	bool stored;
};

static struct pii_key judging_key = { { "k1", 2 }, { SECRET, sizeof(SECRET) - 1 } };

static inline struct event_rules judging_rules(void)
{
	return (struct event_rules){ .now_us = NOW_US, .retention_days = 90, .reporting_currency = "USD",
				     .key = &judging_key };
}

/* Memory that stays until the process ends, held in a list so that it is no leak. */
static inline void *kept(size_t bytes)
{
	static struct keep {
		struct keep *next;
		max_align_t mem[];
	} *list;
	struct keep *k = malloc(sizeof(*k) + bytes);

	cr_assert(k);
	k->next = list;
	list = k;
	return k->mem;
}

static inline void judged_free(struct judged *j)
{
	arena_reset(&j->arena);
}

static inline struct judged judge_slice(struct slice text)
{
	struct event_rules rules = judging_rules();
	struct judged j = { .stored = false };

	arena_init(&j.arena, 64 << 20);
	j.stored = event_decode_json(&j.arena, text, SLICE("/events/test"), &j.in, &j.rej) &&
		   event_judge(&j.arena, &j.in, &rules, &j.row, &j.rej);
	return j;
}

static inline struct judged judge_text(const char *event)
{
	return judge_slice(slice_of(event));
}

/* An event of this topic with these members of data (without the braces), id "i", source "src". The text
 * stays until the process ends: the row's slices may point into it. */
static inline struct judged judge_data(const char *topic, const char *members)
{
	size_t n = strlen(topic) + strlen(members) + 200;
	char *event = kept(n);

	snprintf(event, n,
		 "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"src\",\"type\":\"%s\",\"time\":\"" NOW_TEXT
		 "\",\"data\":{%s}}", topic, members);
	return judge_text(event);
}

/* The text of a slice, for messages and comparison; lives until the process ends. */
static inline const char *str(struct slice s)
{
	char *p = kept(s.n + 1);

	memcpy(p, s.p ? s.p : "", s.n);
	p[s.n] = 0;
	return p;
}

static inline bool slice_has(struct slice s, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= s.n; i++)
		if (memcmp(s.p + i, part, n) == 0)
			return true;
	return false;
}

enum { ROW_TEXTS = 18, LETTER_TEXTS = 9 };

/* Everything of a row that is text. */
static inline void row_texts(const struct event_row *r, struct slice out[ROW_TEXTS])
{
	const struct slice all[ROW_TEXTS] = {
		r->event_id, r->event_type, r->event_source, r->schema_version, r->trace_id, r->cart_id,
		r->session_id, r->customer_id, r->order_id, r->product_id, r->currency, r->status,
		r->ip_address, r->user_agent, r->email, r->pii_key_id, r->items, r->properties,
	};

	memcpy(out, all, sizeof(all));
}

static inline void letter_texts(const struct dead_letter *l, struct slice out[LETTER_TEXTS])
{
	const struct slice all[LETTER_TEXTS] = {
		l->event_id, l->event_type, l->topic, l->source, l->trace_id, l->error_code, l->error_field,
		l->error_message, l->payload,
	};

	memcpy(out, all, sizeof(all));
}

static inline struct dead_letter letter_of(struct judged *j)
{
	struct event_rules rules = judging_rules();
	struct dead_letter l;

	cr_assert(event_letter(&j->arena, &j->in, &rules, &j->rej, &l));
	return l;
}

#endif
