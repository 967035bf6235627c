#include "server/ingest/suppress.h"

#include "server/ingest/anonymize.h"
#include "server/ingest/event_table.h"
#include "server/ingest/timestamp.h"

#include <stdlib.h>

_Static_assert((int)FIELDS <= (int)SUPPRESS_KEPT_MAX, "room for every field");

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct suppressed *)a)->hash, ((const struct suppressed *)b)->hash, PII_HASH_CHARS);
}

void suppressions_sort(struct suppressions *s)
{
	qsort(s->list, s->n, sizeof(*s->list), by_hash);
	s->newest_us = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].until_us > s->newest_us)
			s->newest_us = s->list[i].until_us;
}

/* Not the hash of the bare value: that is what stands in rows. */
static struct slice hash_of(struct pii *p, struct slice kind, struct slice value)
{
	struct text t;

	if (!value.p)
		return value;
	text_init(&t, p->a, kind.n + value.n);
	text_slice(&t, kind);
	text_slice(&t, value);
	p->failed |= t.failed;
	return pii_hash(p, text_done(&t));
}

struct slice suppress_hash_customer(struct pii *p, struct slice customer_id)
{
	return hash_of(p, SLICE("erased customer "), customer_id);
}

struct slice suppress_hash_email(struct pii *p, struct slice email)
{
	return hash_of(p, SLICE("erased email "), email);
}

static bool found(const struct suppressions *s, struct slice hash, int64_t time_us)
{
	struct suppressed key;
	const struct suppressed *at;

	if (hash.n != PII_HASH_CHARS)
		return false;
	memcpy(key.hash, hash.p, PII_HASH_CHARS);
	at = bsearch(&key, s->list, s->n, sizeof(*s->list), by_hash);
	return at && time_us <= at->until_us;
}

static bool due(const struct suppressions *s, struct pii *p, struct slice customer, struct slice email, int64_t time_us)
{
	if (!s || time_us > s->newest_us)
		return false;
	return found(s, suppress_hash_customer(p, customer), time_us) ||
	       found(s, suppress_hash_email(p, email), time_us);
}

bool suppress_row_due(const struct suppressions *s, struct pii *p, const struct event_row *row)
{
	return due(s, p, row->customer_id, row->email, row->created_at_us);
}

/* --- what may stay --- */

/* Texts may say anything; what has a column is no property; a name is a person's on customer.* only. */
static bool field_kept(enum field f)
{
	const struct field_row *r = &field_rows[f];

	return !r->column && r->kind != KIND_PHONE && (r->kind != KIND_TEXT || f == F_NAME);
}

size_t suppress_kept(struct slice names[SUPPRESS_KEPT_MAX])
{
	size_t n = 0;

	for (enum field f = F_NONE + 1; f < FIELDS; f++)
		if (field_kept(f))
			names[n++] = field_rows[f].name;
	return n;
}

static bool property_kept(struct slice key, bool customer)
{
	for (enum field f = F_NONE + 1; f < FIELDS; f++)
		if (slice_eq(field_rows[f].name, key))
			return field_kept(f) && !(customer && f == F_NAME);
	return false;
}

static void put_scalar(struct text *t, const struct json *m)
{
	static const struct slice words[] = { [JSON_NULL] = { "null", 4 }, [JSON_FALSE] = { "false", 5 },
					      [JSON_TRUE] = { "true", 4 } };

	anonymize_key(t, m->key);
	if (m->type == JSON_STRING)
		text_json(t, m->text);
	else
		text_slice(t, m->type == JSON_NUMBER ? m->text : words[m->type]);
}

static struct slice kept_properties(struct arena *a, struct slice properties, bool customer)
{
	const char *why;
	const struct json *all = json_parse(a, properties, &why), *code;
	struct text t;

	text_init(&t, a, properties.n);
	text_putc(&t, '{');
	for (const struct json *m = all ? all->child : NULL; m; m = m->next)
		if (m->type < JSON_ARRAY && property_kept(m->key, customer))
			put_scalar(&t, m);
	code = json_get(json_get(all, "reason"), "code");
	if (code && code->type == JSON_STRING) {
		anonymize_key(&t, SLICE("reason"));
		text_putc(&t, '{');
		put_scalar(&t, code);
		text_putc(&t, '}');
	}
	text_putc(&t, '}');
	return all && !t.failed ? text_done(&t) : (struct slice){ 0 };
}

bool suppress_row(struct arena *a, struct event_row *row)
{
	static const struct slice none;
	bool customer = row->event_type.n >= 8 && memcmp(row->event_type.p, "customer", 8) == 0;

	row->trace_id = row->cart_id = row->session_id = row->customer_id = none;
	row->ip_address = row->user_agent = row->email = row->pii_key_id = none;
	row->has_entity = row->has_sequence = false; /* its key was made of one of these, maybe */
	row->properties = kept_properties(a, row->properties, customer);
	return row->properties.p != NULL;
}

/* --- events that are rejected --- */

/* As the event's field is found when it is good: in v2's context, or beside it. */
static struct slice text_of(const struct json *data, const char *key)
{
	const struct json *v = json_get(json_get(data, "context"), key);

	if (!v)
		v = json_get(data, key);
	return v && (v->type == JSON_STRING || v->type == JSON_NUMBER) && v->text.n ? v->text : (struct slice){ 0 };
}

static int64_t time_of(const struct event_in *in)
{
	struct slice s = text_of(in->data, "timestamp");
	int64_t us;

	if (!s.p)
		s = in->time;
	if (!s.n)
		return INT64_MAX; /* that of its arrival */
	return timestamp_parse(s, &us) ? us : INT64_MIN;
}

bool suppress_event_due(const struct suppressions *s, struct pii *p, const struct event_in *in,
			const struct event_row *row)
{
	int64_t time_us = row ? row->created_at_us : time_of(in);
	struct slice customer, email;

	if (!s || !s->n || !in->data || time_us > s->newest_us)
		return false;
	customer = text_of(in->data, "customer_id");
	email = text_of(in->data, "email");
	return due(s, p, customer.p ? pii_scrub_id(p, customer) : customer, email.p ? pii_email(p, email) : email,
		   time_us);
}

bool suppress_event(struct arena *a, struct event_in *in)
{
	const struct json *id = json_get(in->data, "event_id");
	struct json *data = arena_zalloc(a, 2 * sizeof(*data));

	if (!data)
		return false;
	data[0].type = JSON_OBJECT;
	if (id) {
		data[1] = *id;
		data[1].next = NULL;
		data[0].child = &data[1];
		data[0].count = 1;
	}
	in->data = data;
	in->raw = in->traceparent = (struct slice){ 0 };
	return true;
}
