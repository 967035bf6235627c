/* storage/event_row_read.c -- the way back from an encoded row, for the dead letter of one that was refused. */
#include "storage/event_store.h"

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
	const char *at = b->rows.p + e->at + 8; /* behind the element's length and its count of attributes */

	*out = (struct event_row){ .key = e->key };
	for (int i = 0; i < 4; i++) /* key, digest, created_at, received_at */
		next_attribute(&at);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		*texts[i] = next_attribute(&at);
	next_attribute(&at); /* amount */
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		*more[i] = next_attribute(&at);
	out->items = without_version(out->items);
	out->properties = without_version(out->properties);
}
