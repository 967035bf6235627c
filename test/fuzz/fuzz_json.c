#include "storage/base/json.h"

#include <assert.h>

static unsigned walk(const struct json *v, unsigned depth)
{
	unsigned n = 0;

	assert(depth <= JSON_MAX_DEPTH);
	if (v->type == JSON_STRING)
		assert(json_utf8_valid(v->text));
	if (v->type == JSON_NUMBER)
		assert(v->text.n > 0);
	for (const struct json *m = v->child; m; m = m->next, n++) {
		if (v->type == JSON_OBJECT) {
			assert(json_utf8_valid(m->key));
			for (const struct json *o = m->next; o && v->count < 100; o = o->next)
				assert(!slice_eq(m->key, o->key));
		}
		walk(m, depth + 1);
	}
	assert(n == v->count);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size }, part;
	const char *why = NULL;
	const struct json *v;
	struct arena a;
	size_t at = 0;

	arena_init(&a, 64 << 20);
	v = json_parse(&a, text, &why);
	assert(v || why);
	if (v) {
		walk(v, 0);
		part = json_skip(text, &at); /* of good JSON it finds the value, too */
		assert(part.p && json_parse(&a, part, &why));
	}
	for (at = 0; at < size; at++) {
		size_t before = at;

		part = json_skip(text, &at);
		assert(at >= before && at <= size && (!part.p || part.p + part.n == text.p + at));
	}
	arena_reset(&a);
	return 0;
}
