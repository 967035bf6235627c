#include "server/ingest/reject.h"
#include "storage/base/base64.h"

#include <stdint.h>

static bool malformed(struct rejection *rej, const char *field, const char *why)
{
	if (strcmp(why, "out of memory") == 0)
		return reject_memory(rej);
	return reject(rej, REJECT_MALFORMED_JSON, field, why);
}

/* Attributes are strings; an integer is taken as its text. */
static void attribute(struct event_in *in, const struct json *m, const char *name, struct slice *out)
{
	if (m->type == JSON_STRING)
		*out = m->text;
	else if (m->type == JSON_NUMBER && !memchr(m->text.p, '.', m->text.n) && !memchr(m->text.p, 'e', m->text.n) &&
		 !memchr(m->text.p, 'E', m->text.n))
		*out = m->text;
	else if (m->type != JSON_NULL && !in->bad_field)
		in->bad_field = name;
}

struct members {
	const struct json *data, *base64;
};

static void read_members(const struct json *event, struct event_in *in, struct members *d)
{
	const struct {
		struct slice name;
		struct slice *to;
		bool extension; /* of any type, and ours only as a string */
	} attributes[] = {
		{ SLICE("id"), &in->id, false },
		{ SLICE("source"), &in->source, false },
		{ SLICE("type"), &in->type, false },
		{ SLICE("time"), &in->time, false },
		{ SLICE("specversion"), &in->spec_version, false },
		{ SLICE("topic"), &in->topic, true },
		{ SLICE("traceparent"), &in->traceparent, true },
		{ SLICE("sequence"), &in->sequence, true },
		{ SLICE("anonymized"), &in->anonymized, true },
		{ SLICE("anonymizedkey"), &in->anonymized_key, true },
	};

	for (const struct json *m = event->child; m; m = m->next) {
		if (slice_eq(m->key, SLICE("data")) && m->type != JSON_NULL)
			d->data = m;
		else if (slice_eq(m->key, SLICE("data_base64")) && m->type != JSON_NULL)
			d->base64 = m;
		for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
			if (!slice_eq(m->key, attributes[i].name))
				continue;
			if (!attributes[i].extension)
				attribute(in, m, attributes[i].name.p, attributes[i].to);
			else if (m->type == JSON_STRING || m->type == JSON_NUMBER)
				*attributes[i].to = m->text;
		}
	}
}

/* Is this meant to be JSON, so that keys tell the personal data in it even when it is broken? */
static bool looks_like_json(struct slice s)
{
	while (s.n && memchr(" \t\r\n", *s.p, 4))
		s = (struct slice){ s.p + 1, s.n - 1 };
	return s.n && (*s.p == '{' || *s.p == '[');
}

/* data_base64: bytes that must be JSON. Where they are not, the letter is made of the bytes: in base64 nothing
 * would be found that must not rest. */
static bool decode_base64(struct arena *a, const struct json *v, struct event_in *in, struct rejection *rej)
{
	const char *why = "not base64";
	struct slice bytes;

	if (v->type != JSON_STRING) {
		in->bad_field = in->bad_field ? in->bad_field : "data_base64";
		return true;
	}
	bytes = base64_read(a, v->text);
	in->data = bytes.p ? json_parse(a, bytes, &why) : NULL;
	if (in->data)
		return true;
	in->opaque = !looks_like_json(bytes);
	if (!in->opaque)
		in->raw = bytes;
	return malformed(rej, "data_base64", why);
}

/* The string member `name` of the object that starts text, found by brackets alone; p NULL: none, or one
 * that would have to be unescaped. */
static struct slice shallow_member(struct slice text, const char *name, bool string)
{
	struct slice none = { NULL, 0 }, key, value;
	size_t at = 0, n = strlen(name);

	while (at < text.n && memchr(" \t\r\n", text.p[at], 4))
		at++;
	if (at >= text.n || text.p[at++] != '{')
		return none;
	for (;;) {
		key = json_skip(text, &at);
		while (at < text.n && memchr(" \t\r\n", text.p[at], 4))
			at++;
		if (!key.p || at >= text.n || text.p[at++] != ':')
			return none;
		value = json_skip(text, &at);
		if (!value.p)
			return none;
		if (key.n == n + 2 && memcmp(key.p + 1, name, n) == 0)
			break;
		while (at < text.n && memchr(" \t\r\n", text.p[at], 4))
			at++;
		if (at >= text.n || text.p[at++] != ',')
			return none;
	}
	if (!string)
		return value;
	if (value.n < 2 || *value.p != '"' || value.p[value.n - 1] != '"' || memchr(value.p, '\\', value.n))
		return none;
	value = (struct slice){ value.p + 1, value.n - 2 };
	return json_utf8_valid(value) ? value : none;
}

/* Of an event that is too large to be parsed: enough to know it again when it comes once more. */
static void identify(struct slice text, struct event_in *in)
{
	struct slice own = shallow_member(shallow_member(text, "data", false), "event_id", true);

	in->id = own.n ? own : shallow_member(text, "id", true);
	in->source = shallow_member(text, "source", true);
	in->type = shallow_member(text, "type", true);
	in->topic = shallow_member(text, "topic", true);
	in->traceparent = shallow_member(text, "traceparent", true);
	in->opaque = *text.p == '"' || shallow_member(text, "data_base64", false).p;
}

bool event_decode_json(struct arena *a, struct slice text, struct slice route, struct event_in *in,
		       struct rejection *rej)
{
	struct members d = { NULL, NULL };
	const struct json *event;
	const char *why = "";

	*in = (struct event_in){ .route = route, .raw = text };
	if (text.n > EVENT_MAX_BYTES) {
		identify(text, in);
		return reject(rej, REJECT_TOO_LARGE, "", "the event is larger than 1 MiB");
	}
	event = json_parse(a, text, &why);
	if (!event)
		return malformed(rej, "", why);
	if (event->type != JSON_OBJECT)
		return malformed(rej, "", "an event is a JSON object");
	read_members(event, in, &d);
	in->data = d.data;
	if (!d.data && d.base64)
		return decode_base64(a, d.base64, in, rej);
	return true;
}
