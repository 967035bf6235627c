#include "server/ingest/narrow.h"

#include "server/ingest/fields.h"
#include "server/ingest/reject.h"

const struct narrowing *narrowing_find(const struct narrowings *s, const struct topic *t, struct slice version)
{
	for (const struct narrowing *n = s ? s->first : NULL; n; n = n->next)
		if (n->topic == t && slice_eq(n->version, version))
			return n;
	return NULL;
}

bool version_name(const struct json *sent, char out[VERSION_BYTES])
{
	struct slice s = sent->text;
	bool v = sent->type == JSON_STRING && s.n && *s.p == 'v';

	if (sent->type != JSON_STRING && sent->type != JSON_NUMBER)
		return false;
	if (v)
		s = (struct slice){ s.p + 1, s.n - 1 };
	else if (s.n > 2 && memcmp(s.p + s.n - 2, ".0", 2) == 0)
		s.n -= 2;
	if (!s.n || s.n > VERSION_BYTES - 4 || *s.p == '0')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	out[0] = 'v';
	memcpy(out + 1, s.p, s.n);
	out[s.n + 1] = 0;
	return true;
}

bool narrowing_none_missing(const struct narrowing *n, const struct event_fields *f, struct rejection *rej)
{
	char path[PATH_BYTES];

	for (const struct narrowed *x = n ? n->fields : NULL; x; x = x->next) {
		if (!x->required || f->sent[x->field])
			continue;
		field_path(f, x->field, "", path);
		return reject(rej, REJECT_MISSING_FIELD, path, "the registered schema requires this field");
	}
	return true;
}

static int64_t characters(struct slice s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

static bool is_one_of(const struct narrowed *x, struct slice s)
{
	for (uint32_t i = 0; i < x->nvalues; i++)
		if (slice_eq(x->values[i], s))
			return true;
	return false;
}

/* The ceiling in the field's own unit; what lies between two of them is cut off. */
static int64_t ceiling(const struct narrowed *x, const struct event_fields *f)
{
	unsigned digits = field_rows[x->field].kind == KIND_MONEY ? f->currency->digits : 0;
	int64_t v = x->maximum;

	for (; digits < MAXIMUM_SCALE; digits++)
		v /= 10;
	return v;
}

static const char *check(const struct narrowed *x, const struct event_fields *f)
{
	const struct json *v = f->sent[x->field];

	if (x->only_string && v->type != JSON_STRING)
		return "the registered schema wants a string";
	if (x->nvalues && !is_one_of(x, v->text))
		return "not one of the registered schema's values";
	if (x->max_chars && characters(v->text) > x->max_chars)
		return "longer than the registered schema allows";
	if (x->has_maximum && f->number[x->field] > ceiling(x, f))
		return "more than the registered schema allows";
	return NULL;
}

bool narrowing_valid(const struct narrowing *n, const struct event_fields *f, struct rejection *rej)
{
	for (const struct narrowed *x = n ? n->fields : NULL; x; x = x->next) {
		const char *why = f->sent[x->field] ? check(x, f) : NULL;
		char path[PATH_BYTES];

		if (!why)
			continue;
		field_path(f, x->field, "", path);
		return reject(rej, REJECT_INVALID_FIELD, path, why);
	}
	return true;
}
