#include "server/ingest/text.h"

#include <assert.h>

void text_init(struct text *t, struct arena *a, size_t expected_bytes)
{
	*t = (struct text){ .a = a };
	text_grow(t, expected_bytes ? expected_bytes : 1);
}

bool text_grow(struct text *t, size_t more)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	char *p;

	while (cap - t->n < more)
		cap *= 2;
	p = t->failed ? NULL : arena_alloc(t->a, cap);
	if (!p) {
		t->failed = true;
		t->cap = t->n; /* so that every later append comes here */
		return false;
	}
	if (t->n)
		memcpy(p, t->p, t->n);
	t->p = p;
	t->cap = cap;
	return true;
}

void text_json(struct text *t, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0;

	text_putc(t, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_put(t, s.p + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			text_put(t, (char[]){ '\\', (char)c }, 2);
		else
			text_put(t, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
	}
	if (s.n > from)
		text_put(t, s.p + from, s.n - from);
	text_putc(t, '"');
}

void text_int(struct text *t, int64_t v)
{
	text_decimal(t, v, 0);
}

void text_decimal(struct text *t, int64_t minor, unsigned scale)
{
	char out[32];
	size_t at = sizeof(out);

	assert(minor >= 0 && scale < 10);
	for (unsigned i = 0; minor || i <= scale; i++) {
		if (i == scale && scale)
			out[--at] = '.';
		out[--at] = (char)('0' + minor % 10);
		minor /= 10;
	}
	text_put(t, out + at, sizeof(out) - at);
}
