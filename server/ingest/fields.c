#include "server/ingest/fields.h"
#include "server/ingest/reject.h"

#include <stdio.h>

bool json_missing(const struct json *v)
{
	if (!v || v->type == JSON_NULL)
		return true;
	if (v->type == JSON_STRING)
		return v->text.n == 0;
	return (v->type == JSON_ARRAY || v->type == JSON_OBJECT) && v->count == 0;
}

bool key_is_amount(struct slice key)
{
	return key.n > 7 && memcmp(key.p + key.n - 7, "_amount", 7) == 0;
}

static bool read_version(struct event_fields *f, const struct narrowings *schemas, struct rejection *rej)
{
	const struct json *v = json_get(f->data, "schema_version");
	char name[VERSION_BYTES] = "v1";
	bool known = json_missing(v) || version_name(v, name), v1 = known && strcmp(name, "v1") == 0;

	f->v2 = !v1;
	f->version = v1 ? SLICE("v1") : SLICE("v2");
	f->narrowing = known ? narrowing_find(schemas, f->topic, slice_of(name)) : NULL;
	if (f->narrowing)
		f->version = f->narrowing->version;
	else if (!known || (!v1 && strcmp(name, "v2") != 0))
		return reject(rej, REJECT_UNSUPPORTED_SCHEMA_VERSION, "data.schema_version",
			      "this version is not known");
	return true;
}

static void gather_context(struct event_fields *f)
{
	for (const struct json *m = f->context->child; m; m = m->next) {
		enum field id = event_field_find(f->topic, m->key);

		if (id != F_NONE && (field_rows[id].scope & SCOPE_CONTEXT) && !json_missing(m))
			f->sent[id] = m;
	}
}

/* Fields that stand inside another object, or under a second name. */
static void gather_nested(struct event_fields *f, const struct json *metadata, const struct json *reason)
{
	const struct json *cart = json_get(metadata, "cart_id"), *code = json_get(reason, "code");

	if (!f->sent[F_CART_ID] && !json_missing(cart)) {
		f->sent[F_CART_ID] = cart;
		f->metadata = metadata;
	}
	if (!json_missing(code))
		f->sent[F_REASON_CODE] = code;
}

bool fields_gather(struct arena *a, struct event_fields *f, const struct narrowings *schemas, struct rejection *rej)
{
	const struct json *status = NULL, *metadata = NULL, *reason = NULL, *context = NULL;
	size_t i = 0, status_at = 0;

	if (f->data->type != JSON_OBJECT)
		return reject(rej, REJECT_INVALID_FIELD, "data", "data must be a JSON object");
	if (!read_version(f, schemas, rej))
		return false;
	f->member = arena_zalloc(a, f->data->count);
	if (!f->member)
		return reject_memory(rej);
	for (const struct json *m = f->data->child; m; m = m->next, i++) {
		enum field id = event_field_find(f->topic, m->key);

		f->member[i] = (uint8_t)id;
		if (f->v2 && slice_is(m->key, "context"))
			context = m;
		if (json_missing(m))
			continue;
		if (id != F_NONE)
			f->sent[id] = m;
		else if (slice_is(m->key, "status"))
			status = m, status_at = i;
		else if (slice_is(m->key, "metadata"))
			metadata = m;
		else if (slice_is(m->key, "reason"))
			reason = m;
	}
	if (context && (context->type == JSON_OBJECT || json_missing(context))) {
		f->context = context;
		gather_context(f);
	}
	if (!f->sent[F_NEW_STATUS] && status && event_topic_requires(f->topic, F_NEW_STATUS)) {
		f->sent[F_NEW_STATUS] = status;
		f->member[status_at] = F_NEW_STATUS;
		f->status_alias = true;
	}
	gather_nested(f, metadata, reason);
	return true;
}

static bool in_context(const struct event_fields *f, const struct json *v)
{
	for (const struct json *m = f->context ? f->context->child : NULL; m; m = m->next)
		if (m == v)
			return true;
	return false;
}

void field_path(const struct event_fields *f, enum field id, const char *tail, char out[PATH_BYTES])
{
	const char *parent = "", *name = field_rows[id].name.p;
	const struct json *v = f->sent[id];

	if (id == F_REASON_CODE)
		parent = "reason.";
	else if (id == F_CART_ID && f->metadata)
		parent = "metadata.";
	else if (v ? in_context(f, v) : f->v2 && (field_rows[id].scope & SCOPE_CONTEXT))
		parent = "context.";
	if (id == F_NEW_STATUS && f->status_alias)
		name = "status";
	snprintf(out, PATH_BYTES, "data.%s%s%s", parent, name, tail);
}

static bool missing(const struct event_fields *f, enum field id, const char *tail, struct rejection *rej)
{
	char path[PATH_BYTES];

	field_path(f, id, tail, path);
	return reject(rej, REJECT_MISSING_FIELD, path, "this field is required");
}

/* A money object is whole or not there at all. */
static const char *money_gap(const struct json *v, bool v2)
{
	if (!v2 || !v || v->type != JSON_OBJECT)
		return NULL;
	if (json_missing(json_get(v, "amount")))
		return ".amount";
	return json_missing(json_get(v, "currency")) ? ".currency" : NULL;
}

static bool items_complete(const struct event_fields *f, struct rejection *rej)
{
	static const char *const required[] = { "product_id", "quantity", "price" };
	const struct json *items = f->sent[F_ITEMS];
	char path[PATH_BYTES];
	unsigned i = 0;

	if (!items || items->type != JSON_ARRAY)
		return true;
	for (const struct json *m = items->child; m; m = m->next, i++) {
		if (m->type != JSON_OBJECT)
			continue; /* its type is judged with the other values */
		for (unsigned k = 0; k < 5; k++) {
			const char *name = k < 3 ? required[k] : k == 3 ? "price" : "cost";
			const struct json *v = json_get(m, name);
			const char *tail = k < 3 ? (json_missing(v) ? "" : NULL) :
						   (json_missing(v) ? NULL : money_gap(v, f->v2));

			if (!tail)
				continue;
			snprintf(path, sizeof(path), "data.items[%u].%s%s", i, name, tail);
			return reject(rej, REJECT_MISSING_FIELD, path, "this field is required");
		}
	}
	return true;
}

bool fields_none_missing(const struct event_fields *f, struct rejection *rej)
{
	const struct json *status = f->sent[F_NEW_STATUS];
	const char *tail;

	for (unsigned i = 0; f->topic->required[i] != F_NONE; i++)
		if (!f->sent[f->topic->required[i]])
			return missing(f, f->topic->required[i], "", rej);
	if (status && status->type == JSON_STRING && event_is_purchase(f->topic, status->text) &&
	    !f->sent[F_TOTAL_AMOUNT])
		return missing(f, F_TOTAL_AMOUNT, "", rej);
	for (enum field id = F_NONE + 1; id < FIELDS; id++) {
		if (field_rows[id].kind != KIND_MONEY && field_rows[id].kind != KIND_COST)
			continue;
		tail = money_gap(f->sent[id], f->v2);
		if (tail)
			return missing(f, id, tail, rej);
	}
	return items_complete(f, rej);
}
