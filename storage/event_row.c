/* storage/event_row.c -- rows of events and dead letters in the binary form of event_row and letter_row. */
#include "storage/event_store.h"

#include "storage/pg/types.h"

#include <stdlib.h>

enum {
	LETTER_ATTRIBUTES = 11,
	/* More than any attribute needs besides the bytes of its text. */
	ATTRIBUTE_CEILING = PG_ATTRIBUTE_BYTES + PG_NUMERIC_BYTES,
};

static char *put_text(char *at, struct slice s)
{
	return pg_put_text(pg_put32(at, PG_OID_TEXT), s);
}

static char *put_jsonb(char *at, struct slice s)
{
	return pg_put_jsonb(pg_put32(at, PG_OID_JSONB), s);
}

static char *put_uuid(char *at, const uint8_t b[16])
{
	return pg_put_uuid(pg_put32(at, PG_OID_UUID), b);
}

static char *put_time(char *at, int64_t us)
{
	return pg_put_timestamptz(pg_put32(at, PG_OID_TIMESTAMPTZ), us);
}

/* In the order of event_row's attributes (storage/sql/migrations/0002_sequences.sql). */
static char *put_event(char *at, const struct event_row *r)
{
	at = put_uuid(at, r->key.b);
	at = put_uuid(at, r->digest);
	at = put_time(at, r->created_at_us);
	at = put_time(at, r->received_at_us);
	at = pg_put_bool(pg_put32(at, PG_OID_BOOL), false); /* see event_batch_mark_late */
	at = pg_put32(at, PG_OID_UUID);
	at = r->has_entity ? pg_put_uuid(at, r->entity.b) : pg_put_null(at);
	at = pg_put32(at, PG_OID_INT8);
	at = r->has_sequence ? pg_put_int8(at, r->sequence) : pg_put_null(at);
	at = put_text(at, r->event_type);
	at = put_text(at, r->event_id);
	at = put_text(at, r->event_source);
	at = put_text(at, r->schema_version);
	at = put_text(at, r->trace_id);
	at = put_text(at, r->cart_id);
	at = put_text(at, r->session_id);
	at = put_text(at, r->customer_id);
	at = put_text(at, r->order_id);
	at = put_text(at, r->product_id);
	at = pg_put32(at, PG_OID_NUMERIC);
	at = r->has_amount ? pg_put_numeric(at, r->amount.minor, r->amount.scale) : pg_put_null(at);
	at = put_text(at, r->currency);
	at = put_text(at, r->status);
	at = put_text(at, r->ip_address);
	at = put_text(at, r->user_agent);
	at = put_text(at, r->email);
	at = put_text(at, r->pii_key_id);
	at = put_jsonb(at, r->items);
	return put_jsonb(at, r->properties);
}

static size_t event_text_bytes(const struct event_row *r)
{
	return r->event_type.n + r->event_id.n + r->event_source.n + r->schema_version.n + r->trace_id.n +
	       r->cart_id.n + r->session_id.n + r->customer_id.n + r->order_id.n + r->product_id.n +
	       r->currency.n + r->status.n + r->ip_address.n + r->user_agent.n + r->email.n +
	       r->pii_key_id.n + r->items.n + r->properties.n;
}

/* The month of an instant, UTC: year * 12 + month - 1 (days to civil date in the proleptic calendar). */
static int32_t month_of(int64_t us)
{
	const int64_t day_us = INT64_C(86400) * 1000000;
	int64_t days = us / day_us - (us % day_us < 0);
	int64_t z = days + 719468; /* from 0000-03-01, so that a leap day ends its year */
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153; /* 0: March */

	return (int32_t)((yoe + era * 400) * 12 + mp + 2);
}

/* Reserves an element of `attributes` attributes, and gives what its texts left over back at the end. */
static char *element_begin(struct buf *b, unsigned attributes, size_t text_bytes)
{
	char *at = buf_reserve(b, 8 + attributes * (size_t)ATTRIBUTE_CEILING + text_bytes);

	if (!at)
		b->failed = false; /* a full batch stays usable */
	else
		pg_put32(at + 4, attributes);
	return at;
}

static void element_end(struct buf *b, char *start, char *end)
{
	pg_put32(start, (uint32_t)(end - start - 4));
	b->n = (size_t)(end - b->p);
}

/* Bytes of the UTF-8 sequence at p that PostgreSQL would take; 0: none. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
	static const struct {
		uint8_t first_min, first_max, second_min, second_max;
		size_t length;
	} rows[] = {
		{ 0x01, 0x7f, 0, 0, 1 },         { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },   { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },   { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t length = rows[i].length;

		if (p[0] < rows[i].first_min || p[0] > rows[i].first_max)
			continue;
		if (length > n || (length > 1 && (p[1] < rows[i].second_min || p[1] > rows[i].second_max)))
			return 0;
		for (size_t k = 2; k < length; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return length;
	}
	return 0;
}

/* A letter may hold any bytes, and it must not become a poison row itself: those that text cannot hold
 * become question marks. */
static char *put_clean(char *at, struct slice s)
{
	char *end = put_text(at, s);
	uint8_t *p = (uint8_t *)end - s.n;
	size_t n;

	for (size_t i = 0; s.p && i < s.n; i += n) {
		n = utf8_length(p + i, s.n - i);
		if (n)
			continue;
		p[i] = '?';
		n = 1;
	}
	return end;
}

struct event_batch *event_batch_create(uint32_t cap, size_t rows_bytes)
{
	struct event_batch *b = calloc(1, sizeof(*b));

	if (!b || !(b->entries = calloc(cap, sizeof(*b->entries))))
		return event_batch_destroy(b);
	b->cap = cap;
	buf_init(&b->rows, rows_bytes);
	return b;
}

struct event_batch *event_batch_destroy(struct event_batch *b)
{
	if (!b)
		return NULL;
	free(b->entries);
	buf_reset(&b->rows);
	free(b);
	return NULL;
}

struct batch_entry *event_batch_add(struct event_batch *b, const struct event_row *row)
{
	struct batch_entry *e;
	char *at;

	if (b->n == b->cap || !(at = element_begin(&b->rows, EVENT_ATTRIBUTES, event_text_bytes(row))))
		return NULL;
	element_end(&b->rows, at, put_event(at + 8, row));
	e = &b->entries[b->n++];
	*e = (struct batch_entry){ .key = row->key, .at = (uint32_t)(at - b->rows.p),
				   .month = month_of(row->created_at_us) };
	e->len = (uint32_t)(b->rows.n - e->at);
	memcpy(e->digest, row->digest, sizeof(e->digest));
	return e;
}

struct letter_batch *letter_batch_create(size_t rows_bytes)
{
	struct letter_batch *b = calloc(1, sizeof(*b));

	if (b)
		buf_init(&b->rows, rows_bytes);
	return b;
}

struct letter_batch *letter_batch_destroy(struct letter_batch *b)
{
	if (!b)
		return NULL;
	buf_reset(&b->rows);
	free(b);
	return NULL;
}

/* Of columns that are NOT NULL. */
static struct slice or_empty(struct slice s)
{
	return s.p ? s : SLICE("");
}

bool letter_batch_add(struct letter_batch *b, const struct dead_letter *d)
{
	size_t text = d->event_id.n + d->event_type.n + d->topic.n + d->source.n + d->trace_id.n +
		      d->error_code.n + d->error_field.n + d->error_message.n + d->payload.n;
	char *start = element_begin(&b->rows, LETTER_ATTRIBUTES, text), *at;

	if (!start)
		return false;
	at = put_uuid(start + 8, d->key.b);
	at = put_time(at, d->received_at_us);
	at = put_clean(at, d->event_id);
	at = put_clean(at, d->event_type);
	at = put_clean(at, d->topic);
	at = put_clean(at, d->source);
	at = put_clean(at, d->trace_id);
	at = put_clean(at, or_empty(d->error_code));
	at = put_clean(at, or_empty(d->error_field));
	at = put_clean(at, or_empty(d->error_message));
	element_end(&b->rows, start, put_clean(at, or_empty(d->payload)));
	b->n++;
	return true;
}
