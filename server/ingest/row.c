#include "server/ingest/row.h"
#include "server/ingest/anonymize.h"
#include "server/ingest/timestamp.h"

enum { PROPERTIES_EXPECTED_BYTES = 512, ITEM_EXPECTED_BYTES = 160 };

bool data_is_envelope(struct slice key)
{
	return slice_is(key, "event_id") || slice_is(key, "timestamp") || slice_is(key, "schema_version");
}

bool item_is_named(struct slice key)
{
	static const struct slice names[] = { { "product_id", 10 }, { "sku", 3 }, { "quantity", 8 }, { "price", 5 },
					      { "category", 8 }, { "brand", 5 }, { "cost", 4 }, { "seller_id", 9 } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_eq(key, names[i]))
			return true;
	return false;
}

static void put_string(struct text *t, const char *key, struct slice s)
{
	if (!s.p)
		return;
	anonymize_key(t, slice_of(key));
	text_json(t, s);
}

static struct slice id_or_none(struct pii *p, struct slice s)
{
	return s.p ? pii_scrub_id(p, s) : s;
}

static struct slice text_or_none(struct pii *p, struct slice s)
{
	return s.p ? pii_scrub(p, s) : s;
}

static struct slice items_json(struct pii *p, const struct event_fields *f)
{
	struct text t;

	text_init(&t, p->a, f->nitems * ITEM_EXPECTED_BYTES);
	text_putc(&t, '[');
	for (uint32_t i = 0; i < f->nitems; i++) {
		const struct item *m = &f->items[i];

		text_puts(&t, i ? ",{" : "{");
		put_string(&t, "product_id", pii_scrub_id(p, m->product_id));
		put_string(&t, "sku", id_or_none(p, m->sku));
		anonymize_key(&t, SLICE("quantity"));
		text_int(&t, m->quantity);
		anonymize_key(&t, SLICE("price"));
		text_decimal(&t, m->price, f->currency->digits);
		put_string(&t, "category", text_or_none(p, m->category));
		put_string(&t, "brand", text_or_none(p, m->brand));
		if (m->has_cost) {
			anonymize_key(&t, SLICE("cost"));
			text_decimal(&t, m->cost, f->currency->digits);
		}
		put_string(&t, "seller_id", id_or_none(p, m->seller_id));
		text_putc(&t, '}');
	}
	text_putc(&t, ']');
	p->failed |= t.failed;
	return text_done(&t);
}

void row_columns(struct pii *p, const struct event_fields *f, struct event_row *row)
{
	row->event_type = event_type_of(f->topic, f->text[F_NEW_STATUS]);
	row->schema_version = f->version;
	row->cart_id = id_or_none(p, f->text[F_CART_ID]);
	row->session_id = id_or_none(p, f->text[F_SESSION_ID]);
	row->customer_id = id_or_none(p, f->text[F_CUSTOMER_ID]);
	row->order_id = id_or_none(p, f->text[F_ORDER_ID]);
	row->product_id = id_or_none(p, f->text[F_PRODUCT_ID]);
	row->status = text_or_none(p, f->text[F_NEW_STATUS]);
	row->has_amount = f->topic->amount != F_NONE && f->sent[f->topic->amount];
	if (row->has_amount)
		row->amount = (struct decimal){ f->number[f->topic->amount], f->currency->digits };
	if (f->has_money || f->sent[F_CURRENCY])
		row->currency = (struct slice){ f->currency->code, 3 };
	if (f->sent[F_IP_ADDRESS])
		row->ip_address = pii_ip(p, f->text[F_IP_ADDRESS]);
	if (f->sent[F_USER_AGENT])
		row->user_agent = pii_agent(p, f->text[F_USER_AGENT]);
	if (f->sent[F_EMAIL])
		row->email = pii_email(p, f->text[F_EMAIL]);
	if (f->sent[F_ITEMS])
		row->items = items_json(p, f);
}

static void put_time(struct text *t, int64_t us)
{
	char out[TIMESTAMP_BYTES + 1];

	timestamp_format(us, out);
	text_json(t, (struct slice){ out, TIMESTAMP_BYTES });
}

/* A named field that has no column. */
static void put_field(struct pii *p, struct text *t, const struct event_fields *f, enum field id)
{
	const struct field_row *row = &field_rows[id];

	anonymize_key(t, row->name);
	switch (row->kind) {
	case KIND_ID:
		text_json(t, pii_scrub_id(p, f->text[id]));
		break;
	case KIND_MONEY:
		text_decimal(t, f->number[id], f->currency->digits);
		break;
	case KIND_COST:
		if (f->text[id].p)
			text_slice(t, f->text[id]);
		else
			text_decimal(t, f->number[id], f->currency->digits);
		break;
	case KIND_QUANTITY:
	case KIND_COUNT:
		text_int(t, f->number[id]);
		break;
	case KIND_TIME:
		put_time(t, f->number[id]);
		break;
	default:
		if (event_field_personal(f->topic, id)) /* of those only names are left here */
			text_json(t, pii_name(p, f->text[id]));
		else
			text_json(t, pii_scrub(p, f->text[id]));
	}
}

static void put_named(struct pii *p, struct text *t, const struct event_fields *f)
{
	for (enum field id = F_NONE + 1; id < FIELDS; id++) {
		bool in_amount = id == f->topic->amount && id != F_PRICE_AMOUNT;

		if (f->sent[id] && !field_rows[id].column && !in_amount && field_rows[id].kind != KIND_PHONE)
			put_field(p, t, f, id);
	}
}

/* What is left of v2's context, or of metadata, when the named fields are out. */
static void put_rest(struct pii *p, struct text *t, const struct event_fields *f, const struct json *object)
{
	size_t before = t->n;
	bool any = false;

	anonymize_key(t, object->key);
	text_putc(t, '{');
	for (const struct json *m = object->child; m; m = m->next) {
		enum field id = event_field_find(f->topic, m->key);
		bool taken = object == f->context ? id != F_NONE && (field_rows[id].scope & SCOPE_CONTEXT) :
						    m == f->sent[F_CART_ID];

		if (!taken) {
			size_t at = t->n;

			anonymize_member(p, t, m);
			any |= t->n > at;
		}
	}
	text_putc(t, '}');
	if (!any)
		t->n = before;
}

static void put_amount(struct pii *p, struct text *t, const struct event_fields *f, const struct json *m)
{
	const struct currency *c = f->currency;
	const char *tail, *why;
	int64_t minor;

	if (!money_read(m, f->v2, &c, &minor, &tail, &why))
		return; /* cannot be: it was checked */
	anonymize_key(t, pii_scrub(p, m->key));
	text_decimal(t, minor, c->digits);
}

/* Fields of items that the column has no place for: one object an item. */
static void put_item_rests(struct pii *p, struct text *t, const struct event_fields *f)
{
	size_t before = t->n;
	bool any = false;

	anonymize_key(t, SLICE("items"));
	text_putc(t, '[');
	for (uint32_t i = 0; i < f->nitems; i++) {
		text_puts(t, i ? ",{" : "{");
		for (const struct json *m = f->items[i].sent->child; m; m = m->next) {
			size_t at = t->n;

			if (item_is_named(m->key))
				continue;
			anonymize_member(p, t, m);
			any |= t->n > at;
		}
		text_putc(t, '}');
	}
	text_putc(t, ']');
	if (!any)
		t->n = before;
}

struct slice row_properties(struct pii *p, const struct event_fields *f)
{
	const uint8_t *member = f->member;
	struct text t;

	text_init(&t, p->a, PROPERTIES_EXPECTED_BYTES);
	text_putc(&t, '{');
	put_named(p, &t, f);
	for (const struct json *m = f->data->child; m; m = m->next, member++) {
		if (*member != F_NONE || data_is_envelope(m->key))
			continue;
		if (m == f->context || m == f->metadata)
			put_rest(p, &t, f, m);
		else if (key_is_amount(m->key) && !json_missing(m))
			put_amount(p, &t, f, m);
		else
			anonymize_member(p, &t, m);
	}
	if (f->nitems)
		put_item_rests(p, &t, f);
	text_putc(&t, '}');
	p->failed |= t.failed;
	return text_done(&t);
}
