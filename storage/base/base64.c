#include "storage/base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_print(struct buf *b, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n; i += 3) {
		size_t have = s.n - i < 3 ? s.n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (have > 2 ? p[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
				 have > 1 ? digits[v >> 6 & 63] : '=',
				 have > 2 ? digits[v & 63] : '=' };

		buf_put(b, four, 4);
	}
}

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct slice base64_read(struct arena *a, struct slice s)
{
	const struct slice none = { 0 };
	uint32_t v = 0;
	size_t n = 0;
	char *out;

	if (s.n % 4 == 0)
		for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
			s.n--;
	out = s.n % 4 == 1 ? NULL : arena_alloc(a, s.n / 4 * 3 + 3);
	if (!out)
		return none;
	for (size_t i = 0; i < s.n; i++) {
		int d = digit(s.p[i]);

		if (d < 0)
			return none;
		v = v << 6 | (uint32_t)d;
		if (i % 4)
			out[n++] = (char)(v >> (6 - i % 4 * 2));
	}
	return (struct slice){ out, n };
}
