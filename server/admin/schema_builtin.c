#include "server/admin/schema_builtin.h"

#include <string.h>

#define MONEY_V2 "{\"$ref\":\"#/$defs/money\"}"
#define MONEY_V1 "{\"type\":\"number\",\"minimum\":0}"

struct writer {
	struct buf *b;
	const struct topic *topic;
	const char *version;
	bool v2;
};

/* The comma where one is due. */
static void next(struct buf *b)
{
	char last = b->n && !b->failed ? b->p[b->n - 1] : '{';

	if (last != '{' && last != '[')
		buf_putc(b, ',');
}

static void key(struct buf *b, struct slice name)
{
	next(b);
	buf_json_string(b, name);
	buf_putc(b, ':');
}

static void put_kind(const struct writer *w, enum field_kind kind)
{
	struct buf *b = w->b;

	switch (kind) {
	case KIND_ID:
		buf_printf(b, "{\"type\":[\"string\",\"integer\"],\"maxLength\":%d}", ID_BYTES);
		break;
	case KIND_LABEL:
		buf_printf(b, "{\"type\":\"string\",\"maxLength\":%d}", LABEL_BYTES);
		break;
	case KIND_TEXT:
		buf_puts(b, "{\"type\":\"string\"}");
		break;
	case KIND_MONEY:
		buf_puts(b, w->v2 ? MONEY_V2 : MONEY_V1);
		break;
	case KIND_COST:
		buf_puts(b, w->v2 ? "{\"anyOf\":[" MONEY_V1 "," MONEY_V2 "]}" : MONEY_V1);
		break;
	case KIND_CURRENCY:
		buf_puts(b, "{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"}");
		break;
	case KIND_ITEMS:
		buf_printf(b, "{\"type\":\"array\",\"maxItems\":%d,\"items\":{\"$ref\":\"#/$defs/item\"}}", ITEMS_MAX);
		break;
	case KIND_QUANTITY:
	case KIND_COUNT:
		buf_printf(b, "{\"type\":\"integer\",\"minimum\":%d,\"maximum\":%d}",
			   kind == KIND_QUANTITY && !w->topic->stock, QUANTITY_MAX);
		break;
	case KIND_TIME:
		buf_puts(b, "{\"type\":\"string\",\"format\":\"date-time\"}");
		break;
	case KIND_PHONE:
		buf_puts(b, "{\"type\":[\"string\",\"number\"]}");
		break;
	}
}

static void put_named(const struct writer *w, const char *name, enum field_kind kind)
{
	key(w->b, slice_of(name));
	put_kind(w, kind);
}

static void put_definitions(const struct writer *w)
{
	struct buf *b = w->b;
	const struct writer plain = { .b = b, .topic = event_topic_find(SLICE("cart.item_added")), .v2 = w->v2 };

	key(b, SLICE("$defs"));
	buf_puts(b, "{\"item\":{\"type\":\"object\",\"required\":[\"product_id\",\"quantity\",\"price\"],\"properties\":{");
	put_named(&plain, "product_id", KIND_ID);
	put_named(&plain, "sku", KIND_ID);
	put_named(&plain, "quantity", KIND_QUANTITY);
	put_named(&plain, "price", KIND_MONEY);
	put_named(&plain, "category", KIND_LABEL);
	put_named(&plain, "brand", KIND_LABEL);
	put_named(&plain, "cost", KIND_MONEY);
	put_named(&plain, "seller_id", KIND_ID);
	buf_puts(b, "}}");
	if (w->v2)
		buf_puts(b, ",\"money\":{\"type\":\"object\",\"description\":\"an amount in minor units\","
			    "\"required\":[\"amount\",\"currency\"],\"properties\":{"
			    "\"amount\":{\"type\":\"integer\",\"minimum\":0},"
			    "\"currency\":{\"type\":\"string\",\"pattern\":\"^[A-Z]{3}$\"}}}");
	buf_putc(b, '}');
}

static void put_version(const struct writer *w)
{
	const char *n = w->version + 1;

	key(w->b, SLICE("schema_version"));
	buf_printf(w->b, "{\"enum\":[\"v%s\",\"%s\",\"%s.0\",%s]}", n, n, n, n);
}

static void put_properties(const struct writer *w)
{
	struct buf *b = w->b;

	key(b, SLICE("properties"));
	buf_putc(b, '{');
	put_version(w);
	put_named(w, "event_id", KIND_ID);
	put_named(w, "timestamp", KIND_TIME);
	for (enum field f = F_NONE + 1; f < FIELDS; f++)
		if (event_field_find(w->topic, field_rows[f].name) == f)
			put_named(w, field_rows[f].name.p, field_rows[f].kind);
	if (event_topic_requires(w->topic, F_NEW_STATUS))
		put_named(w, "status", field_rows[F_NEW_STATUS].kind);
	key(b, SLICE("reason"));
	buf_puts(b, "{\"properties\":{");
	put_named(w, "code", field_rows[F_REASON_CODE].kind);
	buf_puts(b, "}}");
	key(b, SLICE("metadata"));
	buf_puts(b, "{\"properties\":{");
	put_named(w, "cart_id", field_rows[F_CART_ID].kind);
	buf_puts(b, "}}");
	if (w->v2) {
		key(b, SLICE("context"));
		buf_puts(b, "{\"type\":\"object\",\"properties\":{");
		for (enum field f = F_NONE + 1; f < FIELDS; f++)
			if (field_rows[f].scope & SCOPE_CONTEXT)
				put_named(w, field_rows[f].name.p, field_rows[f].kind);
		buf_puts(b, "}}");
	}
	buf_putc(b, '}');
}

static const char *other_place(const struct writer *w, enum field f)
{
	if (f == F_NEW_STATUS)
		return "{\"required\":[\"status\"]}";
	if (f == F_CART_ID)
		return "{\"required\":[\"metadata\"],\"properties\":{\"metadata\":{\"required\":[\"cart_id\"]}}}";
	return w->v2 && (field_rows[f].scope & SCOPE_CONTEXT) ? "" : NULL;
}

/* Fields that may stand in one of two places. */
static void put_alternatives(const struct writer *w)
{
	struct buf *b = w->b;
	size_t before = b->n, empty;

	key(b, SLICE("allOf"));
	buf_putc(b, '[');
	empty = b->n;
	for (unsigned i = 0; w->topic->required[i] != F_NONE; i++) {
		enum field f = w->topic->required[i];
		const char *other = other_place(w, f), *name = field_rows[f].name.p;

		if (!other)
			continue;
		next(b);
		buf_printf(b, "{\"anyOf\":[{\"required\":[\"%s\"]},", name);
		if (*other)
			buf_puts(b, other);
		else
			buf_printf(b, "{\"required\":[\"context\"],"
				      "\"properties\":{\"context\":{\"required\":[\"%s\"]}}}", name);
		buf_puts(b, "]}");
	}
	for (unsigned i = 0; !w->topic->event_type.p && i < 2; i++) { /* a purchase names its amount */
		next(b);
		buf_printf(b, "{\"if\":{\"required\":[\"%s\"],\"properties\":{\"%s\":{\"enum\":[\"CONFIRMED\",\"PAID\"]}}},"
			      "\"then\":{\"required\":[\"total_amount\"]}}",
			   i ? "status" : "new_status", i ? "status" : "new_status");
	}
	buf_putc(b, ']');
	if (b->n == empty + 1) /* draft 2020-12 wants one at least */
		b->n = before;
}

void schema_builtin(struct buf *b, const struct topic *t, const char *version)
{
	const struct writer w = { b, t, version, strcmp(version, "v1") != 0 };

	buf_puts(b, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
	key(b, SLICE("title"));
	buf_json_string(b, t->name);
	key(b, SLICE("type"));
	buf_puts(b, "\"object\"");
	key(b, SLICE("required"));
	buf_puts(b, w.v2 ? "[\"schema_version\"" : "[");
	for (unsigned i = 0; t->required[i] != F_NONE; i++) {
		if (other_place(&w, t->required[i]))
			continue;
		next(b);
		buf_json_string(b, field_rows[t->required[i]].name);
	}
	buf_putc(b, ']');
	put_properties(&w);
	key(b, SLICE("patternProperties"));
	buf_puts(b, w.v2 ? "{\"_amount$\":" MONEY_V2 "}" : "{\"_amount$\":" MONEY_V1 "}");
	put_alternatives(&w);
	put_definitions(&w);
	buf_putc(b, '}');
}
