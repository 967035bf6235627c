/* storage/event_row_read.c -- the way back from an encoded row, for the dead letter of one that was refused. */
#include "storage/event_store.h"

#include "storage/pg/types.h"

static uint32_t read32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

/* The next attribute's bytes (p == NULL: SQL NULL); *at moves behind it. */
static struct slice next_attribute(const char **at)
{
	uint32_t n = read32(*at + 4); /* behind the type's OID */
	const char *p = *at + 8;

	if (n == UINT32_MAX) {
		*at = p;
		return (struct slice){ 0 };
	}
	*at = p + n;
	return (struct slice){ p, n };
}

/* Attributes of fixed size come first, so what follows stands at fixed places behind an element's head. */
enum {
	HEAD_BYTES = 8,
	CREATED_AT = HEAD_BYTES + 2 * (PG_ATTRIBUTE_BYTES + PG_UUID_BYTES),
	LATE_AT = CREATED_AT + 2 * (PG_ATTRIBUTE_BYTES + PG_TIMESTAMPTZ_BYTES),
	ENTITY_AT = LATE_AT + PG_ATTRIBUTE_BYTES + 4 + 1,
};

static int64_t read64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (int64_t)__builtin_bswap64(v);
}

bool event_batch_entity(const struct event_batch *b, const struct batch_entry *e, struct entity_mark *out)
{
	const char *row = b->rows.p + e->at, *at = row + ENTITY_AT;
	struct slice entity = next_attribute(&at), sequence = next_attribute(&at);

	if (!entity.p)
		return false;
	memcpy(out->entity.b, entity.p, sizeof(out->entity.b));
	out->has_sequence = sequence.p;
	out->at = read64(sequence.p ? sequence.p : row + CREATED_AT + PG_ATTRIBUTE_BYTES + 4);
	return true;
}

void event_batch_mark_late(struct event_batch *b, const struct batch_entry *e, bool late)
{
	b->rows.p[e->at + LATE_AT + PG_ATTRIBUTE_BYTES + 4] = late;
}

void event_batch_attributes(const struct event_batch *b, const struct batch_entry *e,
			    struct slice out[EVENT_ATTRIBUTES])
{
	const char *at = b->rows.p + e->at + HEAD_BYTES;

	for (int i = 0; i < EVENT_ATTRIBUTES; i++)
		out[i] = next_attribute(&at);
}

static struct slice without_version(struct slice jsonb)
{
	return jsonb.p ? (struct slice){ jsonb.p + 1, jsonb.n - 1 } : jsonb;
}

void event_batch_read(const struct event_batch *b, const struct batch_entry *e, struct event_row *out)
{
	struct slice *const texts[] = {
		&out->event_type, &out->event_id, &out->event_source, &out->schema_version, &out->trace_id,
		&out->cart_id, &out->session_id, &out->customer_id, &out->order_id, &out->product_id,
	};
	struct slice *const more[] = {
		&out->currency, &out->status, &out->ip_address, &out->user_agent, &out->email,
		&out->pii_key_id, &out->items, &out->properties,
	};
	const char *at = b->rows.p + e->at + HEAD_BYTES; /* behind the element's length and its count of attributes */

	*out = (struct event_row){ .key = e->key };
	for (int i = 0; i < 7; i++) /* key, digest, the times, the place in its entity's order */
		next_attribute(&at);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		*texts[i] = next_attribute(&at);
	next_attribute(&at); /* amount */
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		*more[i] = next_attribute(&at);
	out->items = without_version(out->items);
	out->properties = without_version(out->properties);
}
