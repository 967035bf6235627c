#include "storage/base/json.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <xxhash.h>

enum { PAIRWISE_MEMBERS = 16 }; /* up to here comparing each with each is cheaper than a table */

struct reader {
	struct arena *a;
	const char *p, *end;
	const char *why;
};

static const char no_memory[] = "out of memory";

/* Of the table below, so that nobody outside can choose keys that collide. */
static uint64_t hash_seed(void)
{
	static _Atomic uint64_t seed;
	uint64_t s = atomic_load_explicit(&seed, memory_order_relaxed);

	while (!s && getrandom(&s, sizeof(s), 0) == (ssize_t)sizeof(s) && s) {
		uint64_t none = 0;

		if (!atomic_compare_exchange_strong(&seed, &none, s))
			s = none;
	}
	return s;
}

/* Length of the UTF-8 sequence at p, 0 when it is none (overlong, surrogate, beyond U+10FFFF, cut). */
static size_t utf8_at(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p);

	if (p[0] < 0x80)
		return p[0] ? 1 : 0;
	if (p[0] < 0xc2 || left < 2 || (p[1] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (left < 3 || (p[2] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xf0) {
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (p[0] > 0xf4 || left < 4 || (p[3] & 0xc0) != 0x80)
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

bool json_utf8_valid(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = s.n ? p + s.n : p;

	while (p < end) {
		size_t n = utf8_at(p, end);

		if (!n)
			return false;
		p += n;
	}
	return true;
}

static bool fail(struct reader *r, const char *why)
{
	r->why = why;
	return false;
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

/* Steps over the characters of a string that stand for themselves, eight at a time. */
static const char *plain_run(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;

	for (; end - p >= 8; p += 8) {
		uint64_t w, quote, slash;

		memcpy(&w, p, sizeof(w));
		quote = w ^ (ones * '"');
		slash = w ^ (ones * '\\');
		w = ((quote - ones) | (slash - ones) | (w - ones * 0x20) | w) & high;
		if (w) /* the first hit is a true one: borrows only travel upwards */
			return p + (__builtin_ctzll(w) >> 3);
	}
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v |= (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* r->p is behind "\u". */
static bool unicode_escape(struct reader *r, char **out)
{
	int c = hex4(r->p, r->end), low;

	if (c < 0)
		return fail(r, "a \\u escape is not followed by four hex digits");
	r->p += 4;
	if (c == 0)
		return fail(r, "a string holds NUL");
	if (c >= 0xdc00 && c <= 0xdfff)
		return fail(r, "a string holds a lone surrogate");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
			return fail(r, "a string holds a lone surrogate");
		low = hex4(r->p + 2, r->end);
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, "a string holds a lone surrogate");
		r->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*out = put_utf8(*out, (uint32_t)c);
	return true;
}

static bool escape(struct reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	char c;

	if (r->p >= r->end)
		return fail(r, "a string does not end");
	c = *r->p++;
	if (c == 'u')
		return unicode_escape(r, out);
	hit = c ? strchr(from, c) : NULL;
	if (!hit)
		return fail(r, "a string holds an unknown escape");
	*(*out)++ = to[hit - from];
	return true;
}

/* The end of the raw string (its closing quote), checked for UTF-8 and control characters. */
static const char *string_end(struct reader *r, bool *escapes)
{
	const char *p = r->p;

	for (;;) {
		size_t n;

		p = plain_run(p, r->end);
		if (p >= r->end)
			return fail(r, "a string does not end"), NULL;
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escapes = true;
			p += 2;
			if (p > r->end)
				return fail(r, "a string does not end"), NULL;
			if ((unsigned char)p[-1] < 0x20 || (unsigned char)p[-1] >= 0x80)
				return fail(r, "a string holds an unknown escape"), NULL;
			continue;
		}
		if ((unsigned char)*p < 0x20)
			return fail(r, *p ? "a string holds a bare control character" : "a string holds NUL"), NULL;
		n = utf8_at((const unsigned char *)p, (const unsigned char *)r->end);
		if (!n)
			return fail(r, "a string is not valid UTF-8"), NULL;
		p += n;
	}
}

/* r->p is behind the opening quote. */
static bool read_string(struct reader *r, struct slice *s)
{
	bool escapes = false;
	const char *end = string_end(r, &escapes);
	char *out, *to;

	if (!end)
		return false;
	if (!escapes) {
		*s = (struct slice){ r->p, (size_t)(end - r->p) };
		r->p = end + 1;
		return true;
	}
	out = to = arena_alloc(r->a, (size_t)(end - r->p)); /* an escape is never shorter than what it stands for */
	if (!out)
		return fail(r, no_memory);
	while (r->p < end) {
		const char *run = r->p;

		while (r->p < end && *r->p != '\\')
			r->p++;
		memcpy(to, run, (size_t)(r->p - run));
		to += r->p - run;
		if (r->p < end) {
			r->p++;
			if (!escape(r, &to))
				return false;
		}
	}
	r->p = end + 1;
	*s = (struct slice){ out, (size_t)(to - out) };
	return true;
}

static bool digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

static bool read_number(struct reader *r, struct json *j)
{
	const char *from = r->p;

	if (*r->p == '-')
		r->p++;
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (!digits(r))
		return fail(r, "a value is none of JSON's");
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		if (!digits(r))
			return fail(r, "a number lacks digits");
	}
	if (r->p < r->end && (*r->p | 0x20) == 'e') {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!digits(r))
			return fail(r, "a number lacks digits");
	}
	j->type = JSON_NUMBER;
	j->text = (struct slice){ from, (size_t)(r->p - from) };
	return true;
}

static bool read_word(struct reader *r, struct json *j, const char *word, enum json_type type)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return fail(r, "a value is none of JSON's");
	r->p += n;
	j->type = type;
	return true;
}

static bool keys_differ_table(struct reader *r, const struct json *object)
{
	const struct json **table;
	size_t slots = 64;
	uint64_t seed = hash_seed();

	while (slots < 2 * (size_t)object->count)
		slots *= 2;
	table = arena_zalloc(r->a, slots * sizeof(*table));
	if (!table)
		return fail(r, no_memory);
	for (const struct json *m = object->child; m; m = m->next) {
		size_t at = XXH3_64bits_withSeed(m->key.p, m->key.n, seed) & (slots - 1);

		for (; table[at]; at = (at + 1) & (slots - 1))
			if (slice_eq(table[at]->key, m->key))
				return fail(r, "an object has the same key twice");
		table[at] = m;
	}
	return true;
}

static bool keys_differ(struct reader *r, const struct json *object)
{
	if (object->count > PAIRWISE_MEMBERS)
		return keys_differ_table(r, object);
	for (const struct json *m = object->child; m; m = m->next)
		for (const struct json *o = m->next; o; o = o->next)
			if (o->key.n == m->key.n && (!m->key.n || *o->key.p == *m->key.p) &&
			    slice_eq(o->key, m->key))
				return fail(r, "an object has the same key twice");
	return true;
}

static struct json *read_value(struct reader *r, unsigned depth);

static bool read_key(struct reader *r, struct slice *key)
{
	skip_space(r);
	if (r->p >= r->end || *r->p != '"')
		return fail(r, "an object lacks a key");
	r->p++;
	if (!read_string(r, key))
		return false;
	skip_space(r);
	if (r->p >= r->end || *r->p != ':')
		return fail(r, "a key lacks its colon");
	r->p++;
	return true;
}

/* r->p is behind the opening bracket. */
static bool read_members(struct reader *r, struct json *j, unsigned depth)
{
	bool object = j->type == JSON_OBJECT;
	char close = object ? '}' : ']';
	struct json **tail = &j->child;

	if (depth >= JSON_MAX_DEPTH)
		return fail(r, "values are nested deeper than 64");
	skip_space(r);
	if (r->p < r->end && *r->p == close) {
		r->p++;
		return true;
	}
	for (;;) {
		struct slice key = { NULL, 0 };
		struct json *m;

		if (object && !read_key(r, &key))
			return false;
		m = read_value(r, depth + 1);
		if (!m)
			return false;
		m->key = key;
		*tail = m;
		tail = &m->next;
		j->count++;
		skip_space(r);
		if (r->p >= r->end)
			return fail(r, "the text ends too early");
		if (*r->p == close)
			break;
		if (*r->p != ',')
			return fail(r, "a comma or a closing bracket is missing");
		r->p++;
	}
	r->p++;
	return !object || keys_differ(r, j);
}

/* Depth is bounded, so this recursion is. */
static struct json *read_value(struct reader *r, unsigned depth)
{
	struct json *j = arena_alloc(r->a, sizeof(*j));
	bool ok;

	if (!j)
		return fail(r, no_memory), NULL;
	*j = (struct json){ .type = JSON_NULL };
	skip_space(r);
	if (r->p >= r->end)
		return fail(r, "the text ends too early"), NULL;
	switch (*r->p) {
	case '{':
	case '[':
		j->type = *r->p++ == '{' ? JSON_OBJECT : JSON_ARRAY;
		ok = read_members(r, j, depth);
		break;
	case '"':
		j->type = JSON_STRING;
		r->p++;
		ok = read_string(r, &j->text);
		break;
	case 't':
		ok = read_word(r, j, "true", JSON_TRUE);
		break;
	case 'f':
		ok = read_word(r, j, "false", JSON_FALSE);
		break;
	case 'n':
		ok = read_word(r, j, "null", JSON_NULL);
		break;
	default:
		ok = read_number(r, j);
	}
	return ok ? j : NULL;
}

struct json *json_parse(struct arena *a, struct slice text, const char **why)
{
	struct reader r = { .a = a, .p = text.p, .end = text.n ? text.p + text.n : text.p };
	struct json *j = read_value(&r, 0);

	if (j) {
		skip_space(&r);
		if (r.p < r.end) {
			fail(&r, "bytes follow the value");
			j = NULL;
		}
	}
	if (!j && why)
		*why = r.why;
	return j;
}

const struct json *json_get(const struct json *object, const char *key)
{
	struct slice k = slice_of(key);

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *m = object->child; m; m = m->next)
		if (slice_eq(m->key, k))
			return m;
	return NULL;
}

/* at is on an opening quote; the result is behind the closing one, or the end. */
static size_t skip_string(struct slice t, size_t at)
{
	for (at++; at < t.n; at++) {
		if (t.p[at] == '\\')
			at++;
		else if (t.p[at] == '"')
			return at + 1;
	}
	return t.n;
}

static size_t skip_blanks(struct slice t, size_t i)
{
	while (i < t.n && memchr(" \t\r\n", t.p[i], 4))
		i++;
	return i;
}

/* Behind the value that starts at i; *open: how many of its brackets the text leaves open. */
static size_t skip_value(struct slice t, size_t i, size_t *open)
{
	size_t depth = 0;

	while (i < t.n) {
		char c = t.p[i];

		if (c == '"') {
			i = skip_string(t, i);
		} else if (c == '{' || c == '[') {
			depth++;
			i++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				break;
			depth--;
			i++;
		} else if (depth) {
			i++;
			continue;
		} else if (memchr(", \t\r\n", c, 5)) {
			break;
		} else { /* a number or a word: to its end */
			while (i < t.n && !memchr(",]}[{\" \t\r\n", t.p[i], 10))
				i++;
		}
		if (!depth)
			break;
	}
	*open = depth;
	return i;
}

struct slice json_skip(struct slice t, size_t *at)
{
	size_t from = skip_blanks(t, *at), open;

	*at = skip_value(t, from, &open);
	if (*at == from)
		return (struct slice){ NULL, 0 };
	return (struct slice){ t.p + from, *at - from };
}

bool json_one_value(struct slice text)
{
	size_t from = skip_blanks(text, 0), open, at = skip_value(text, from, &open);

	return at > from && !open && skip_blanks(text, at) == text.n;
}
