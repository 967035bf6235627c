#include "server/ingest/fields.h"
#include "server/ingest/reject.h"
#include "server/ingest/timestamp.h"

#include <assert.h>
#include <stdio.h>

static const char wrong_type[] = "the value has the wrong type", too_long[] = "the value is too long",
		  out_of_range[] = "the number is out of range", negative[] = "money must not be negative",
		  no_currency[] = "not an ISO 4217 currency code",
		  not_integer[] = "an integer is wanted", disagree[] = "the currencies of the event differ";

static bool is_integer(struct slice number)
{
	for (size_t i = 0; i < number.n; i++)
		if ((number.p[i] < '0' || number.p[i] > '9') && !(i == 0 && number.p[i] == '-'))
			return false;
	return true;
}

/* NULL: fine. */
static const char *read_id(const struct json *v, struct slice *out)
{
	if (v->type != JSON_STRING && !(v->type == JSON_NUMBER && is_integer(v->text)))
		return wrong_type;
	if (v->text.n > ID_BYTES)
		return too_long;
	*out = v->text;
	return NULL;
}

static const char *read_string(const struct json *v, size_t max, struct slice *out)
{
	if (v->type != JSON_STRING)
		return wrong_type;
	if (v->text.n > max)
		return too_long;
	*out = v->text;
	return NULL;
}

static const char *read_integer(const struct json *v, int64_t min, int64_t max, int64_t *out)
{
	int64_t n;

	if (v->type != JSON_NUMBER)
		return wrong_type;
	switch (decimal_parse(v->text, 0, max, &n)) {
	case DECIMAL_EXACT:
		break;
	case DECIMAL_ROUNDED:
		return not_integer;
	default:
		return out_of_range;
	}
	if (n < min)
		return out_of_range;
	*out = n;
	return NULL;
}

static const char *read_decimal(const struct json *v, unsigned scale, int64_t *minor)
{
	if (v->type != JSON_NUMBER)
		return wrong_type;
	switch (decimal_parse(v->text, scale, MONEY_MAX_MINOR, minor)) {
	case DECIMAL_NEGATIVE:
		return negative;
	case DECIMAL_RANGE:
		return out_of_range;
	default:
		return NULL;
	}
}

static bool money_object(const struct json *v, const struct currency **c, int64_t *minor, const char **tail,
			 const char **why)
{
	const struct json *amount = json_get(v, "amount"), *code = json_get(v, "currency");
	const struct currency *own;

	*tail = "";
	*why = wrong_type;
	if (v->type != JSON_OBJECT)
		return false;
	*tail = ".amount";
	if (!amount || amount->type != JSON_NUMBER)
		return false;
	switch (decimal_parse(amount->text, 0, MONEY_MAX_MINOR, minor)) {
	case DECIMAL_EXACT:
		break;
	case DECIMAL_ROUNDED:
		return *why = "minor units are an integer", false;
	case DECIMAL_NEGATIVE:
		return *why = negative, false;
	case DECIMAL_RANGE:
		return *why = out_of_range, false;
	}
	*tail = ".currency";
	if (!code || code->type != JSON_STRING)
		return false;
	own = currency_find(code->text);
	*why = own ? disagree : no_currency;
	if (!own || (*c && *c != own))
		return false;
	*c = own;
	return true;
}

bool money_read(const struct json *v, bool v2, const struct currency **c, int64_t *minor, const char **tail,
		const char **why)
{
	if (v2)
		return money_object(v, c, minor, tail, why);
	*tail = "";
	*why = read_decimal(v, (*c)->digits, minor);
	return !*why;
}

static bool invalid(struct rejection *rej, const char *path, const char *why)
{
	return reject(rej, REJECT_INVALID_FIELD, path, why);
}

static bool check_money(struct event_fields *f, enum field id, struct rejection *rej)
{
	const struct json *v = f->sent[id];
	const char *tail = "", *why = NULL;
	char path[PATH_BYTES];
	int64_t major;

	if (field_rows[id].kind == KIND_COST && v->type == JSON_NUMBER) {
		why = read_decimal(v, 0, &major);
		f->text[id] = v->text;
		if (!why)
			return true;
	} else if (money_read(v, f->v2, &f->currency, &f->number[id], &tail, &why)) {
		f->has_money = true;
		return true;
	}
	field_path(f, id, tail, path);
	return invalid(rej, path, why);
}

static const char *check_currency(struct event_fields *f, const struct json *v)
{
	const struct currency *c;

	if (v->type != JSON_STRING)
		return wrong_type;
	c = currency_find(v->text);
	if (!c)
		return no_currency;
	if (f->v2 && f->currency && f->currency != c)
		return disagree;
	f->currency = c;
	return NULL;
}

static const char *check_plain(struct event_fields *f, enum field id)
{
	const struct json *v = f->sent[id];
	struct slice s;

	switch (field_rows[id].kind) {
	case KIND_ID:
		return read_id(v, &f->text[id]);
	case KIND_LABEL:
		return read_string(v, LABEL_BYTES, &f->text[id]);
	case KIND_TEXT:
		return read_string(v, EVENT_MAX_BYTES, &f->text[id]);
	case KIND_PHONE:
		return v->type == JSON_STRING || v->type == JSON_NUMBER ? NULL : wrong_type;
	case KIND_QUANTITY:
		return read_integer(v, f->topic->stock ? 0 : 1, QUANTITY_MAX, &f->number[id]);
	case KIND_COUNT:
		return read_integer(v, 0, QUANTITY_MAX, &f->number[id]);
	case KIND_CURRENCY:
		return check_currency(f, v);
	case KIND_TIME:
		if (v->type != JSON_STRING)
			return wrong_type;
		s = v->text;
		return timestamp_parse(s, &f->number[id]) ? NULL : "not an RFC 3339 time";
	default:
		return NULL;
	}
}

/* A string or identifier of an item; absent is fine. */
static bool item_text(const struct json *item, const char *name, enum field_kind kind, unsigned i,
		      struct slice *out, struct rejection *rej)
{
	const struct json *v = json_get(item, name);
	char path[PATH_BYTES];
	const char *why;

	*out = (struct slice){ NULL, 0 };
	if (json_missing(v))
		return true;
	why = kind == KIND_ID ? read_id(v, out) : read_string(v, LABEL_BYTES, out);
	if (!why)
		return true;
	snprintf(path, sizeof(path), "data.items[%u].%s", i, name);
	return invalid(rej, path, why);
}

static bool item_money(struct event_fields *f, const struct json *item, const char *name, unsigned i, bool *has,
		       int64_t *minor, struct rejection *rej)
{
	const struct json *v = json_get(item, name);
	const char *tail, *why;
	char path[PATH_BYTES];

	*has = !json_missing(v);
	if (!*has)
		return true;
	if (money_read(v, f->v2, &f->currency, minor, &tail, &why)) {
		f->has_money = true;
		return true;
	}
	snprintf(path, sizeof(path), "data.items[%u].%s%s", i, name, tail);
	return invalid(rej, path, why);
}

static bool check_item(struct event_fields *f, const struct json *v, unsigned i, struct item *out,
		       struct rejection *rej)
{
	char path[PATH_BYTES];
	const char *why;
	bool has_price;

	out->sent = v;
	if (v->type != JSON_OBJECT) {
		snprintf(path, sizeof(path), "data.items[%u]", i);
		return invalid(rej, path, wrong_type);
	}
	if (!item_text(v, "product_id", KIND_ID, i, &out->product_id, rej) ||
	    !item_text(v, "sku", KIND_ID, i, &out->sku, rej))
		return false;
	why = read_integer(json_get(v, "quantity"), 1, QUANTITY_MAX, &out->quantity);
	if (why) {
		snprintf(path, sizeof(path), "data.items[%u].quantity", i);
		return invalid(rej, path, why);
	}
	return item_money(f, v, "price", i, &has_price, &out->price, rej) &&
	       item_text(v, "category", KIND_LABEL, i, &out->category, rej) &&
	       item_text(v, "brand", KIND_LABEL, i, &out->brand, rej) &&
	       item_money(f, v, "cost", i, &out->has_cost, &out->cost, rej) &&
	       item_text(v, "seller_id", KIND_ID, i, &out->seller_id, rej);
}

static bool check_items(struct arena *a, struct event_fields *f, struct rejection *rej)
{
	const struct json *v = f->sent[F_ITEMS];
	unsigned i = 0;

	if (v->type != JSON_ARRAY)
		return invalid(rej, "data.items", wrong_type);
	if (v->count > ITEMS_MAX)
		return invalid(rej, "data.items", "more than 1000 items");
	f->items = arena_zalloc(a, v->count * sizeof(*f->items));
	if (!f->items)
		return reject_memory(rej);
	f->nitems = v->count;
	for (const struct json *m = v->child; m; m = m->next, i++)
		if (!check_item(f, m, i, &f->items[i], rej))
			return false;
	return true;
}

static bool check_one(struct arena *a, struct event_fields *f, enum field id, struct rejection *rej)
{
	char path[PATH_BYTES];
	const char *why;

	if (!f->sent[id])
		return true;
	if (field_rows[id].kind == KIND_MONEY || field_rows[id].kind == KIND_COST)
		return check_money(f, id, rej);
	if (field_rows[id].kind == KIND_ITEMS)
		return check_items(a, f, rej);
	why = check_plain(f, id);
	if (!why)
		return true;
	field_path(f, id, "", path);
	return invalid(rej, path, why);
}

/* Money under names of the sender's own: every *_amount. */
static bool check_amounts(struct event_fields *f, struct pii *p, struct rejection *rej)
{
	const uint8_t *member = f->member;

	for (const struct json *m = f->data->child; m; m = m->next, member++) {
		const char *tail, *why;
		char path[PATH_BYTES];
		struct slice key;
		int64_t minor;

		if (!key_is_amount(m->key) || json_missing(m) || *member != F_NONE)
			continue;
		if (money_read(m, f->v2, &f->currency, &minor, &tail, &why)) {
			f->has_money = true;
			continue;
		}
		key = pii_scrub(p, m->key);
		if (key.n > PATH_BYTES / 2)
			key = SLICE("*_amount");
		snprintf(path, sizeof(path), "data.%.*s%s", (int)key.n, key.p, tail);
		return invalid(rej, path, why);
	}
	return true;
}

bool fields_valid(struct arena *a, struct event_fields *f, struct pii *p, const char *reporting_currency,
		  struct rejection *rej)
{
	const struct currency *reporting = currency_find(slice_of(reporting_currency));
	const struct json *code = f->sent[F_CURRENCY];

	assert(reporting);
	/* In v1 one code rules all money, wherever it stands; a bad one is told at its own turn. */
	if (!f->v2)
		f->currency = code && code->type == JSON_STRING ? currency_find(code->text) : NULL;
	if (!f->v2 && !f->currency)
		f->currency = reporting;
	for (unsigned i = 0; f->topic->required[i] != F_NONE; i++)
		if (!check_one(a, f, f->topic->required[i], rej))
			return false;
	for (enum field id = F_NONE + 1; id < FIELDS; id++)
		if (!event_topic_requires(f->topic, id) && !check_one(a, f, id, rej))
			return false;
	if (!check_amounts(f, p, rej))
		return false;
	if (!f->currency)
		f->currency = reporting;
	return true;
}
