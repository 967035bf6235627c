#include "server/admin/schema_compile.h"

#include "server/admin/schema_builtin.h"
#include "server/ingest/money.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_VALUES = 256, PATH_CHARS = 200, BUILTIN_BYTES = 256 << 10 };
#define MAXIMUM_LIMIT 1000000000000000000 /* 1e14 major units */

struct compiling {
	struct arena *a;
	const struct topic *topic;
	bool v2;
	struct narrowing *out;
	struct schema_faults *faults;
	bool failed;                 /* the arena is full */
};

/* Where a schema stands: the object of data itself, one of the objects in it that holds fields, or a field. */
enum place { AT_DATA, AT_CONTEXT, AT_REASON, AT_METADATA, AT_FIELD, AT_OTHER };

struct node {
	enum place place;
	enum field field;
	const struct json *own, *builtin;
	const char *path;
};

static void fault(struct compiling *c, const char *path, struct slice key, const char *why)
{
	struct schema_faults *f = c->faults;
	char text[PATH_CHARS + 80], *kept;
	int n = snprintf(text, sizeof(text), "%s%s%.*s", path, key.n ? "." : "", key.n > 60 ? 60 : (int)key.n,
			 key.n ? key.p : "");

	if (f->n == CALL_MAX_VIOLATIONS)
		return;
	kept = arena_strndup(c->a, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	if (kept)
		f->list[f->n++] = (struct violation){ kept, why };
	c->failed |= !kept;
}

static bool same(const struct json *x, const struct json *y)
{
	const struct json *m = x ? x->child : NULL, *k;

	if (!x || !y || x->type != y->type || x->count != y->count)
		return false;
	if (x->type == JSON_STRING || x->type == JSON_NUMBER)
		return slice_eq(x->text, y->text);
	if (x->type == JSON_ARRAY) {
		for (k = y->child; m; m = m->next, k = k->next)
			if (!same(m, k))
				return false;
		return true;
	}
	for (; m; m = m->next) {
		for (k = y->child; k && !slice_eq(k->key, m->key); k = k->next)
			;
		if (!same(m, k))
			return false;
	}
	return true;
}

static const struct json *member(const struct json *object, struct slice key)
{
	const struct json *m = object && object->type == JSON_OBJECT ? object->child : NULL;

	while (m && !slice_eq(m->key, key))
		m = m->next;
	return m;
}

static bool contains(const struct json *array, struct slice text)
{
	for (const struct json *m = array && array->type == JSON_ARRAY ? array->child : NULL; m; m = m->next)
		if (m->type == JSON_STRING && slice_eq(m->text, text))
			return true;
	return false;
}

static enum field field_at(const struct compiling *c, enum place place, struct slice key)
{
	enum field f = event_field_find(c->topic, key);

	switch (place) {
	case AT_DATA:
		if (f == F_NONE && slice_is(key, "status") && event_topic_requires(c->topic, F_NEW_STATUS))
			return F_NEW_STATUS;
		return f;
	case AT_CONTEXT:
		return f != F_NONE && (field_rows[f].scope & SCOPE_CONTEXT) ? f : F_NONE;
	case AT_REASON:
		return slice_is(key, "code") ? F_REASON_CODE : F_NONE;
	case AT_METADATA:
		return slice_is(key, "cart_id") ? F_CART_ID : F_NONE;
	default:
		return F_NONE;
	}
}

/* The rules of a field, begun with the first of them. NULL: the arena is full. */
static struct narrowed *rules_of(struct compiling *c, enum field f)
{
	struct narrowed *x = c->out->fields;

	while (x && x->field != f)
		x = x->next;
	if (!x && (x = arena_zalloc(c->a, sizeof(*x)))) {
		x->field = f;
		x->next = c->out->fields;
		c->out->fields = x;
	}
	c->failed |= !x;
	return x;
}

/* --- keywords --- */

static const char *narrow_required(struct compiling *c, const struct node *n, const struct json *v)
{
	if (n->place > AT_METADATA)
		return "only fields of this topic can be required";
	if (v->type != JSON_ARRAY)
		return "not a list of names";
	for (const struct json *m = v->child; m; m = m->next) {
		enum field f = m->type == JSON_STRING ? field_at(c, n->place, m->text) : F_NONE;
		struct narrowed *x;

		if (m->type == JSON_STRING && contains(member(n->builtin, SLICE("required")), m->text))
			continue;
		if (f == F_NONE)
			return "only fields of this topic can be required";
		if ((x = rules_of(c, f)))
			x->required = true;
	}
	return NULL;
}

static bool is_text(const struct compiling *c, enum field f)
{
	enum field_kind k = field_rows[f].kind;

	return (k == KIND_ID || k == KIND_LABEL || k == KIND_TEXT || k == KIND_CURRENCY) &&
	       !event_field_personal(c->topic, f);
}

/* Characters that the built-in rules allow. */
static int64_t longest(enum field f)
{
	return field_rows[f].kind == KIND_ID ? ID_BYTES : field_rows[f].kind == KIND_LABEL ? LABEL_BYTES : INT32_MAX;
}

static const char *narrow_enum(struct compiling *c, const struct node *n, const struct json *v)
{
	struct narrowed *x;
	struct slice *values;
	uint32_t i = 0;

	if (!is_text(c, n->field))
		return "only strings that are no personal data can be restricted to values";
	if (v->type != JSON_ARRAY || !v->count || v->count > MAX_VALUES)
		return "a list of 1 to 256 strings is wanted";
	values = arena_alloc(c->a, v->count * sizeof(*values));
	x = rules_of(c, n->field);
	c->failed |= !values;
	for (const struct json *m = v->child; m && values; m = m->next) {
		if (m->type != JSON_STRING || !m->text.n)
			return "a list of 1 to 256 strings is wanted";
		if ((int64_t)m->text.n > longest(n->field))
			return "a value is longer than the built-in limit";
		if (field_rows[n->field].kind == KIND_CURRENCY && !currency_find(m->text))
			return "a value is no ISO 4217 currency code";
		values[i++] = m->text;
	}
	if (x && values) {
		x->values = values;
		x->nvalues = v->count;
	}
	return NULL;
}

static const char *narrow_length(struct compiling *c, const struct node *n, const struct json *v)
{
	struct narrowed *x;
	int64_t max;

	if (!is_text(c, n->field) || field_rows[n->field].kind == KIND_CURRENCY)
		return "only strings that are no personal data can be shortened";
	if (v->type != JSON_NUMBER || decimal_parse(v->text, 0, INT32_MAX, &max) != DECIMAL_EXACT || !max)
		return "an integer from 1 is wanted";
	if (max > longest(n->field))
		return "looser than the built-in limit";
	if ((x = rules_of(c, n->field)))
		x->max_chars = max;
	return NULL;
}

static const char *narrow_maximum(struct compiling *c, const struct node *n, const struct json *v)
{
	enum field_kind k = field_rows[n->field].kind;
	bool count = k == KIND_QUANTITY || k == KIND_COUNT;
	struct narrowed *x;
	int64_t max;

	if (!count && (k != KIND_MONEY || c->v2))
		return k == KIND_MONEY ? "money is an object in this version: it has no maximum" :
					 "only a count or an amount of money has a maximum";
	if (v->type != JSON_NUMBER || decimal_parse(v->text, MAXIMUM_SCALE, MAXIMUM_LIMIT, &max) != DECIMAL_EXACT)
		return "a number from 0 with at most 4 decimals is wanted";
	if (count && max > QUANTITY_MAX * 10000ll)
		return "looser than the built-in limit";
	if (k == KIND_QUANTITY && !c->topic->stock && max < 10000)
		return "nothing is left: the built-in minimum is 1";
	if ((x = rules_of(c, n->field))) {
		x->maximum = max;
		x->has_maximum = true;
	}
	return NULL;
}

static const char *narrow_type(struct compiling *c, const struct node *n, const struct json *v)
{
	const struct json *builtin = member(n->builtin, SLICE("type"));
	struct narrowed *x;

	if ((n->place == AT_REASON || n->place == AT_METADATA) && slice_is(v->text, "object") && v->type == JSON_STRING)
		return NULL; /* anything else has no fields: it says the same */
	if (n->place != AT_FIELD || v->type != JSON_STRING || !slice_is(v->text, "string") ||
	    !contains(builtin, v->text) || field_rows[n->field].kind != KIND_ID)
		return "contradicts the built-in type";
	if ((x = rules_of(c, n->field)))
		x->only_string = true;
	return NULL;
}

static bool is_annotation(struct slice key)
{
	static const char *const names[] = { "$schema", "$id", "$comment", "title", "description", "examples" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (slice_is(key, names[i]))
			return true;
	return false;
}

static const struct {
	struct slice key;
	const char *(*narrow)(struct compiling *c, const struct node *n, const struct json *v);
	bool of_field;
} keywords[] = {
	{ { "required", 8 }, narrow_required, false }, { { "type", 4 }, narrow_type, false },
	{ { "enum", 4 }, narrow_enum, true },          { { "maxLength", 9 }, narrow_length, true },
	{ { "maximum", 7 }, narrow_maximum, true },
};

static const char *narrow(struct compiling *c, const struct node *n, const struct json *v)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++) {
		if (!slice_eq(keywords[i].key, v->key))
			continue;
		if (keywords[i].of_field && n->place != AT_FIELD)
			return "this cannot be narrowed";
		return keywords[i].narrow(c, n, v);
	}
	return "not among what can be added: required, enum, maxLength, maximum";
}

static void compare(struct compiling *c, const struct node *n);

static enum place place_of(const struct compiling *c, enum place parent, struct slice key, enum field f)
{
	if (f != F_NONE)
		return AT_FIELD;
	if (parent != AT_DATA)
		return AT_OTHER;
	if (c->v2 && slice_is(key, "context"))
		return AT_CONTEXT;
	return slice_is(key, "reason") ? AT_REASON : slice_is(key, "metadata") ? AT_METADATA : AT_OTHER;
}

static void compare_properties(struct compiling *c, const struct node *n, const struct json *v)
{
	const struct json *builtin = member(n->builtin, SLICE("properties"));

	if (v->type != JSON_OBJECT || !builtin) {
		fault(c, n->path, v->key, builtin ? "not an object" : "the built-in schema has no fields here");
		return;
	}
	for (const struct json *m = v->child; m; m = m->next) {
		enum field f = field_at(c, n->place, m->key);
		char path[PATH_CHARS];
		struct node child = { place_of(c, n->place, m->key, f), f, m, member(builtin, m->key), path };

		snprintf(path, sizeof(path), "%s.properties.%.*s", n->path, m->key.n > 60 ? 60 : (int)m->key.n, m->key.p);
		if (!child.builtin)
			fault(c, path, SLICE(""), "not a field of this topic");
		else if (m->type != JSON_OBJECT)
			fault(c, path, SLICE(""), "not an object");
		else
			compare(c, &child);
	}
}

static void compare(struct compiling *c, const struct node *n)
{
	for (const struct json *m = n->own->child; m; m = m->next) {
		const char *why;

		if (is_annotation(m->key) || same(m, member(n->builtin, m->key)))
			continue;
		if (slice_is(m->key, "properties")) {
			compare_properties(c, n, m);
			continue;
		}
		why = narrow(c, n, m);
		if (why)
			fault(c, n->path, m->key, why);
	}
}

bool schema_version_valid(const char *version)
{
	struct json v = { .type = JSON_STRING, .text = slice_of(version) };
	char name[VERSION_BYTES];

	return *version == 'v' && version_name(&v, name);
}

static const struct json *parse_builtin(struct arena *a, const struct topic *t, const char *version)
{
	const struct json *parsed = NULL;
	const char *why;
	struct buf b;

	buf_init(&b, BUILTIN_BYTES);
	schema_builtin(&b, t, version);
	if (!b.failed) {
		char *text = arena_strndup(a, b.p, b.n);

		parsed = text ? json_parse(a, (struct slice){ text, b.n }, &why) : NULL;
	}
	buf_reset(&b);
	return parsed;
}

bool schema_compile(struct arena *a, const struct topic *t, const char *version, struct slice text,
		    struct narrowing **out, struct schema_faults *faults)
{
	struct compiling c = { .a = a, .topic = t, .v2 = strcmp(version, "v1") != 0, .faults = faults };
	struct node root = { .place = AT_DATA, .path = "jsonSchema" };
	char *kept = arena_strndup(a, text.p ? text.p : "", text.n), *name = arena_strndup(a, version, strlen(version));
	const char *why = "out of memory";

	*faults = (struct schema_faults){ 0 };
	c.out = arena_zalloc(a, sizeof(*c.out));
	root.builtin = parse_builtin(a, t, version);
	root.own = kept ? json_parse(a, (struct slice){ kept, text.n }, &why) : NULL;
	if (!root.own || root.own->type != JSON_OBJECT) {
		fault(&c, root.path, SLICE(""), root.own ? "a schema is a JSON object" : why);
		return false;
	}
	if (!c.out || !name || !root.builtin) {
		fault(&c, root.path, SLICE(""), "out of memory");
		return false;
	}
	c.out->topic = t;
	c.out->version = slice_of(name);
	compare(&c, &root);
	if (c.failed && !faults->n)
		fault(&c, root.path, SLICE(""), "out of memory");
	*out = c.out;
	return !faults->n && !c.failed;
}
