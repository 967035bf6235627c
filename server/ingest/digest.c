#include "server/ingest/digest.h"
#include "server/ingest/row.h"

#include <stdlib.h>
#include <strings.h>
#include <xxhash.h>

/* A member in canonical form: its value is a stretch of `values`. */
struct entry {
	struct slice name;
	size_t at, n;
};

struct digesting {
	const struct event_fields *f;
	struct text values;
	struct entry *entries;
	size_t nentries;
	bool mask_name;
};

static void put_string(struct text *t, struct slice s)
{
	uint32_t n = (uint32_t)s.n;

	text_putc(t, 's');
	text_put(t, (const char *)&n, sizeof(n)); /* so that no content can look like structure */
	text_slice(t, s);
}

static void put_decimal(struct text *t, bool negative, const char *digits, size_t n, int64_t exponent)
{
	while (n && digits[n - 1] == '0') {
		n--;
		exponent++;
	}
	if (!n)
		exponent = 0;
	text_putc(t, negative && n ? '-' : 'n');
	put_string(t, (struct slice){ digits, n });
	text_put(t, (const char *)&exponent, sizeof(exponent));
}

/* 10, 10.0 and 1e1 are one number. */
static void put_number(struct text *t, struct slice s)
{
	char *digits = arena_alloc(t->a, s.n), *end;
	bool negative = s.n && *s.p == '-', point = false;
	int64_t exponent = 0;
	size_t n = 0, i = negative;

	if (!digits) {
		t->failed = true;
		return;
	}
	for (; i < s.n && (s.p[i] | 0x20) != 'e'; i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		exponent -= point;
		if (n || s.p[i] != '0')
			digits[n++] = s.p[i];
	}
	if (i < s.n) {
		char text[24] = { 0 };
		size_t left = s.n - i - 1;

		memcpy(text, s.p + i + 1, left < sizeof(text) - 1 ? left : sizeof(text) - 1);
		exponent += strtol(text, &end, 10) % 1000000000;
	}
	put_decimal(t, negative, digits, n, exponent);
}

static void put_minor(struct text *t, int64_t minor, unsigned scale)
{
	char digits[24];
	size_t at = sizeof(digits);

	for (; minor; minor /= 10)
		digits[--at] = (char)('0' + minor % 10);
	put_decimal(t, false, digits + at, sizeof(digits) - at, -(int64_t)scale);
}

static int by_key(const void *x, const void *y)
{
	const struct json *const *a = x, *const *b = y;
	size_t n = (*a)->key.n < (*b)->key.n ? (*a)->key.n : (*b)->key.n;
	int c = memcmp((*a)->key.p, (*b)->key.p, n);

	return c ? c : ((*a)->key.n > (*b)->key.n) - ((*a)->key.n < (*b)->key.n);
}

typedef bool skip_fn(const struct json *m, const void *ctx);

static void put_value(struct text *t, const struct json *v, bool mask_name);

/* The members that are no personal fields and that skip (may be NULL) does not name, sorted. */
static void put_object(struct text *t, const struct json *v, bool mask_name, skip_fn *skip, const void *ctx)
{
	const struct json **sorted = arena_alloc(t->a, (v->count + 1) * sizeof(*sorted));
	size_t n = 0;

	if (!sorted) {
		t->failed = true;
		return;
	}
	for (const struct json *m = v->child; m; m = m->next)
		if (pii_kind_of(m->key, mask_name) == PII_NONE && !(skip && skip(m, ctx)))
			sorted[n++] = m;
	qsort(sorted, n, sizeof(*sorted), by_key);
	text_putc(t, '{');
	for (size_t i = 0; i < n; i++) {
		bool customer = sorted[i]->key.n == 8 && strncasecmp(sorted[i]->key.p, "customer", 8) == 0;

		put_string(t, sorted[i]->key);
		put_value(t, sorted[i], mask_name || customer);
	}
	text_putc(t, '}');
}

static void put_value(struct text *t, const struct json *v, bool mask_name)
{
	switch (v->type) {
	case JSON_NULL:
		text_putc(t, '0');
		break;
	case JSON_FALSE:
		text_putc(t, 'f');
		break;
	case JSON_TRUE:
		text_putc(t, 't');
		break;
	case JSON_NUMBER:
		put_number(t, v->text);
		break;
	case JSON_STRING:
		put_string(t, v->text);
		break;
	case JSON_ARRAY:
		text_putc(t, '[');
		for (const struct json *m = v->child; m; m = m->next)
			put_value(t, m, mask_name);
		text_putc(t, ']');
		break;
	case JSON_OBJECT:
		put_object(t, v, mask_name, NULL, NULL);
		break;
	}
}

/* An entry's value is what is appended to values between begin and end. */
static void entry_begin(struct digesting *d, struct slice name)
{
	d->entries[d->nentries] = (struct entry){ .name = name, .at = d->values.n };
}

static void entry_end(struct digesting *d)
{
	struct entry *e = &d->entries[d->nentries++];

	e->n = d->values.n - e->at;
}

static bool skip_named_item(const struct json *m, const void *ctx)
{
	(void)ctx;
	return item_is_named(m->key);
}

static void put_text_or_none(struct text *t, struct slice s)
{
	if (s.p)
		put_string(t, s);
	else
		text_putc(t, '-');
}

static void put_items(struct digesting *d)
{
	struct text *t = &d->values;
	unsigned digits = d->f->currency->digits;

	text_putc(t, '[');
	for (uint32_t i = 0; i < d->f->nitems; i++) {
		const struct item *m = &d->f->items[i];

		put_string(t, m->product_id);
		put_text_or_none(t, m->sku);
		put_minor(t, m->quantity, 0);
		put_minor(t, m->price, digits);
		put_text_or_none(t, m->category);
		put_text_or_none(t, m->brand);
		text_putc(t, m->has_cost ? 'c' : '-');
		if (m->has_cost)
			put_minor(t, m->cost, digits);
		put_text_or_none(t, m->seller_id);
		put_object(t, m->sent, d->mask_name, skip_named_item, NULL);
	}
	text_putc(t, ']');
}

static void put_field(struct digesting *d, enum field id)
{
	const struct event_fields *f = d->f;

	switch (field_rows[id].kind) {
	case KIND_MONEY:
		put_minor(&d->values, f->number[id], f->currency->digits);
		break;
	case KIND_COST:
		if (f->text[id].p)
			put_number(&d->values, f->text[id]);
		else
			put_minor(&d->values, f->number[id], f->currency->digits);
		break;
	case KIND_QUANTITY:
	case KIND_COUNT:
		put_minor(&d->values, f->number[id], 0);
		break;
	case KIND_TIME:
		text_put(&d->values, (const char *)&f->number[id], sizeof(f->number[id]));
		break;
	case KIND_ITEMS:
		put_items(d);
		break;
	default:
		put_string(&d->values, f->text[id]);
	}
}

static void add_named(struct digesting *d, const char *reporting_currency)
{
	const struct event_fields *f = d->f;

	for (enum field id = F_NONE + 1; id < FIELDS; id++) {
		if (!f->sent[id] || id == F_CURRENCY || id == F_REASON_CODE ||
		    event_field_personal(f->topic, id))
			continue;
		entry_begin(d, field_rows[id].name);
		put_field(d, id);
		entry_end(d);
	}
	if (f->has_money || strcmp(f->currency->code, reporting_currency) != 0) {
		entry_begin(d, field_rows[F_CURRENCY].name);
		put_string(&d->values, (struct slice){ f->currency->code, 3 });
		entry_end(d);
	}
}

static bool skip_taken(const struct json *m, const void *ctx)
{
	const struct event_fields *f = ctx;
	enum field id = event_field_find(f->topic, m->key);

	return m == f->sent[F_CART_ID] || (id != F_NONE && (f->sent[id] == m || json_missing(m)));
}

static void add_rest(struct digesting *d)
{
	const struct event_fields *f = d->f;
	const uint8_t *member = f->member;

	for (const struct json *m = f->data->child; m; m = m->next, member++) {
		const struct currency *c = f->currency;
		const char *tail, *why;
		int64_t minor;

		if (*member != F_NONE || data_is_envelope(m->key) ||
		    pii_kind_of(m->key, d->mask_name) != PII_NONE)
			continue;
		entry_begin(d, m->key);
		if (m == f->context || m == f->metadata) {
			size_t before = d->values.n;

			put_object(&d->values, m, d->mask_name, skip_taken, f);
			if (d->values.n == before + 2) { /* nothing was left of it */
				d->values.n = before;
				continue;
			}
		} else if (key_is_amount(m->key) && !json_missing(m) &&
			   money_read(m, f->v2, &c, &minor, &tail, &why)) {
			put_minor(&d->values, minor, c->digits);
		} else {
			put_value(&d->values, m,
				  d->mask_name || (m->key.n == 8 && strncasecmp(m->key.p, "customer", 8) == 0));
		}
		entry_end(d);
	}
}

static int by_name(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int c = memcmp(a->name.p, b->name.p, n);

	return c ? c : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

bool digest_make(struct arena *a, const struct event_fields *f, struct slice event_type, bool has_time,
		 int64_t time_us, const char *reporting_currency, uint8_t digest[DIGEST_BYTES])
{
	struct digesting d = { .f = f, .mask_name = f->topic->customer };
	XXH128_canonical_t c;
	struct text whole;

	text_init(&d.values, a, 512);
	d.entries = arena_alloc(a, (FIELDS + f->data->count) * sizeof(*d.entries));
	if (!d.entries)
		return false;
	add_named(&d, reporting_currency);
	add_rest(&d);
	qsort(d.entries, d.nentries, sizeof(*d.entries), by_name);
	text_init(&whole, a, d.values.n + 512);
	put_string(&whole, event_type);
	time_us = has_time ? time_us : INT64_MIN;
	text_put(&whole, (const char *)&time_us, sizeof(time_us));
	for (size_t i = 0; i < d.nentries && !d.values.failed; i++) {
		put_string(&whole, d.entries[i].name);
		text_put(&whole, d.values.p + d.entries[i].at, d.entries[i].n);
	}
	if (d.values.failed || whole.failed)
		return false;
	XXH128_canonicalFromHash(&c, XXH3_128bits(whole.p, whole.n));
	digest[0] = DIGEST_VERSION;
	memcpy(digest + 1, c.digest, DIGEST_BYTES - 1);
	return true;
}
