#include "server/ingest/entity.h"

#include <xxhash.h>

enum { CANDIDATES = 4, SEQUENCE_DIGITS = 18 /* any number of so many fits 64 bits */, KIND_BYTES = 16 };

/* By the route of its topic: the first of these fields that the event has. Fine keys come first: a row that
 * every event touches would make the stores wait for each other. */
static const struct {
	const char *route;
	enum field candidates[CANDIDATES];
} rows[] = {
	{ "orders", { F_ORDER_ID } },
	{ "payments", { F_ORDER_ID } },
	{ "promotions", { F_ORDER_ID } },
	{ "shipping", { F_SHIPMENT_ID } },
	{ "returns", { F_RETURN_ID } },
	{ "fulfillment", { F_FULFILLMENT_ID } },
	{ "page-views", { F_SESSION_ID } },
	{ "products", { F_SESSION_ID, F_CUSTOMER_ID, F_PRODUCT_ID } },
	{ "cart", { F_SESSION_ID, F_CUSTOMER_ID, F_PRODUCT_ID, F_ORDER_ID } },
	{ "customers", { F_CUSTOMER_ID } },
	{ "inventory", { F_PRODUCT_ID, F_SKU } },
	{ "catalog", { F_PRODUCT_ID } },
};

static enum field entity_field(const struct event_fields *f)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(rows[i].route, f->topic->route) != 0)
			continue;
		for (size_t k = 0; k < CANDIDATES && rows[i].candidates[k] != F_NONE; k++)
			if (f->text[rows[i].candidates[k]].n)
				return rows[i].candidates[k];
	}
	return F_NONE;
}

static char *append(char *at, struct slice s)
{
	memcpy(at, s.p, s.n);
	return at + s.n;
}

static bool read_integer(struct slice s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	int64_t v = 0;

	if (s.n <= negative || s.n - negative > SEQUENCE_DIGITS)
		return false;
	for (size_t i = negative; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	*out = negative ? -v : v;
	return true;
}

void entity_fill(const struct event_in *in, const struct event_fields *f, struct event_row *row)
{
	char whole[SOURCE_BYTES + KIND_BYTES + ID_BYTES + 2], *at = whole;
	enum field id = entity_field(f);
	XXH128_canonical_t c;

	row->has_sequence = in->sequence.p && read_integer(in->sequence, &row->sequence);
	if (id == F_NONE || in->source.n > SOURCE_BYTES || f->text[id].n > ID_BYTES)
		return;
	at = append(at, in->source);
	*at++ = 0;
	at = append(at, field_rows[id].name); /* order_id: the kind of what it names */
	*at++ = 0;
	at = append(at, f->text[id]);
	XXH128_canonicalFromHash(&c, XXH3_128bits(whole, (size_t)(at - whole)));
	memcpy(row->entity.b, c.digest, sizeof(row->entity.b));
	row->has_entity = true;
}
