#include "storage/base/json.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>

#define INDEX_PARAMETERS(suite, name, cases)                                              \
	ParameterizedTestParameters(suite, name)                                          \
	{                                                                                 \
		static size_t at[sizeof(cases) / sizeof(*(cases))];                       \
		for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)                     \
			at[i] = i;                                                        \
		return cr_make_param_array(size_t, at, sizeof(at) / sizeof(*at));         \
	}

static const struct {
	const char *text;
	bool good;
} cases[] = {
	{ "null", true }, { " true ", true }, { "false\n", true }, { "0", true }, { "-0", true }, { "\"\"", true },
	{ "[]", true }, { "{}", true }, { "[1,2,3]", true }, { "{\"a\":1,\"b\":[{}]}", true }, { "1e400", true },
	{ "-12.50E+3", true }, { "123456789012345678901234567890", true }, { "\t\r\n [ ] ", true },
	{ "\"\\u00e9\\n\\\"\\/\\\\\\b\\f\\r\\t\"", true }, { "\"\\ud83d\\ude00\"", true }, { "\"\x7f\"", true },
	{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", true }, { "{\"a\":1,\"A\":2}", true },
	{ "", false }, { " ", false }, { "nul", false }, { "nulL", false }, { "True", false }, { "01", false },
	{ "+1", false }, { "-", false }, { "1.", false }, { ".5", false }, { "1e", false }, { "1e+", false },
	{ "0x1", false }, { "NaN", false }, { "Infinity", false }, { "'a'", false }, { "[1,]", false }, { "[,1]", false },
	{ "[1 2]", false }, { "[", false }, { "]", false }, { "{", false }, { "{\"a\"}", false }, { "{\"a\":}", false },
	{ "{\"a\":1,}", false }, { "{a:1}", false }, { "{1:1}", false }, { "{\"a\" 1}", false }, { "[1}", false },
	{ "1 1", false }, { "{} x", false }, { "// c\n1", false }, { "\"a", false }, { "\"\\\"", false }, { "\"\\", false },
	{ "\"\\x\"", false }, { "\"\\u12\"", false }, { "\"\\u12g4\"", false }, { "\"\\u0000\"", false },
	{ "\"\\ud800\"", false }, { "\"\\udc00\"", false }, { "\"\\ud800\\u0041\"", false }, { "\"\\ud800x\"", false },
	{ "\"\\ud800\\ud800\"", false }, { "\"\n\"", false }, { "\"\t\"", false }, { "\"\x1f\"", false },
	{ "\"\x80\"", false }, { "\"\xc0\xaf\"", false }, { "\"\xc1\xbf\"", false }, { "\"\xe0\x80\x80\"", false },
	{ "\"\xed\xa0\x80\"", false }, { "\"\xf0\x80\x80\x80\"", false }, { "\"\xf4\x90\x80\x80\"", false },
	{ "\"\xf5\x80\x80\x80\"", false }, { "\"\xc3\"", false }, { "\"\xe2\x82\"", false }, { "\"\xf0\x9f\x98\"", false },
	{ "\"\\\xc3\xa9\"", false }, { "{\"a\":1,\"a\":2}", false }, { "{\"a\":1,\"\\u0061\":2}", false },
	{ "{\"\":1,\"\":2}", false }, { "[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", false }, { "\xef\xbb\xbf{}", false },
};
INDEX_PARAMETERS(json, accepts, cases)
ParameterizedTest(size_t *i, json, accepts)
{
	/* A copy of its own, so that a read behind the end shows. */
	size_t n = strlen(cases[*i].text);
	char *text = malloc(n ? n : 1);
	const char *why = NULL;
	struct arena a;

	memcpy(text, cases[*i].text, n);
	arena_init(&a, 1 << 16);
	cr_assert_eq(json_parse(&a, (struct slice){ text, n }, &why) != NULL, cases[*i].good, "%s: %s", cases[*i].text,
		     why ? why : "");
	cr_assert(cases[*i].good || (why && strcmp(why, "out of memory") != 0));
	arena_reset(&a);
	free(text);
}

Test(json, nul_bytes_are_refused_everywhere)
{
	static const char text[] = "{\"a\0b\":\"c\"}";
	const char *why;
	struct arena a;

	arena_init(&a, 1 << 16);
	cr_assert_null(json_parse(&a, (struct slice){ text, sizeof(text) - 1 }, &why));
	cr_assert_null(json_parse(&a, (struct slice){ "{}\0", 3 }, &why));
	cr_assert_null(json_parse(&a, (struct slice){ "\"\0\"", 3 }, &why));
	arena_reset(&a);
}

Test(json, values_keys_and_numbers_come_as_sent)
{
	const char *text = "{\"n\":-12.50E+3,\"s\":\"a\\u00e9\\ud83d\\ude00\\n\",\"l\":[true,null,\"x\"],"
			   "\"\\u006b\":9007199254740993}";
	const struct json *j, *v;
	struct arena a;

	arena_init(&a, 1 << 16);
	j = json_parse(&a, slice_of(text), NULL);
	cr_assert(j && j->type == JSON_OBJECT && j->count == 4);
	v = json_get(j, "n");
	cr_assert(v->type == JSON_NUMBER && slice_is(v->text, "-12.50E+3"));
	v = json_get(j, "s");
	cr_assert(v->type == JSON_STRING && slice_is(v->text, "a\xc3\xa9\xf0\x9f\x98\x80\n"));
	v = json_get(j, "l");
	cr_assert(v->type == JSON_ARRAY && v->count == 3);
	cr_assert(v->child->type == JSON_TRUE && v->child->next->type == JSON_NULL);
	cr_assert(slice_is(v->child->next->next->text, "x"));
	cr_assert_null(v->child->next->next->next);
	cr_assert(slice_is(json_get(j, "k")->text, "9007199254740993"));
	cr_assert_null(json_get(j, "absent"));
	cr_assert_null(json_get(v, "n"));
	cr_assert_null(json_get(NULL, "n"));
	arena_reset(&a);
}

/* Strings of every length with one special character at every place: the eight-at-a-time loop. */
Test(json, strings_of_all_lengths)
{
	static const char *const special[] = { "\"", "\\", "\x1f", "\xff", "\\n", "\xc3\xa9", " ", "~" };
	static const bool good[] = { false, false, false, false, true, true, true, true };
	char text[64];

	for (size_t n = 0; n < 24; n++)
		for (size_t at = 0; at <= n; at++)
			for (size_t k = 0; k < sizeof(good) / sizeof(*good); k++) {
				size_t len = (size_t)snprintf(text, sizeof(text), "\"%.*s%s%.*s\"", (int)at,
							      "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", special[k], (int)(n - at),
							      "zzzzzzzzzzzzzzzzzzzzzzzzzzzz");
				struct arena a;

				arena_init(&a, 1 << 16);
				cr_assert_eq(json_parse(&a, (struct slice){ text, len }, NULL) != NULL, good[k], "%s", text);
				arena_reset(&a);
			}
}

static struct json *nested(struct arena *a, unsigned depth, char open, char close)
{
	static char text[1000];
	size_t n = 0;

	for (unsigned i = 0; i < depth; i++) {
		text[n++] = open;
		if (open == '{' && i + 1 < depth)
			n += (size_t)sprintf(text + n, "\"a\":");
	}
	for (unsigned i = 0; i < depth; i++)
		text[n++] = close;
	return json_parse(a, (struct slice){ text, n }, NULL);
}

Test(json, is_64_deep_at_most)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	cr_assert(nested(&a, 64, '[', ']'));
	cr_assert(nested(&a, 64, '{', '}'));
	cr_assert_null(nested(&a, 65, '[', ']'));
	cr_assert_null(nested(&a, 65, '{', '}'));
	arena_reset(&a);
}

Test(json, a_hundred_thousand_brackets_do_no_harm)
{
	size_t n = 100000;
	char *text = malloc(n);
	struct arena a;

	memset(text, '[', n);
	arena_init(&a, 1 << 20);
	cr_assert_null(json_parse(&a, (struct slice){ text, n }, NULL));
	arena_reset(&a);
	free(text);
}

/* An object of n different keys, and then one of them again. */
static char *many_keys(unsigned n, bool twice, size_t *len)
{
	char *text = malloc(n * 16 + 64);
	size_t at = (size_t)sprintf(text, "{");

	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "%s\"k%u\":0", i ? "," : "", i);
	if (twice)
		at += (size_t)sprintf(text + at, ",\"k%u\":0", n / 2);
	*len = at + (size_t)sprintf(text + at, "}");
	return text;
}

static const unsigned key_counts[] = { 2, 15, 16, 17, 18, 63, 64, 65, 1000, 60000 };
INDEX_PARAMETERS(json, duplicate_keys, key_counts)
ParameterizedTest(size_t *i, json, duplicate_keys, .timeout = 60)
{
	struct arena a;
	size_t n;
	char *text = many_keys(key_counts[*i], false, &n);
	const char *why = "";

	arena_init(&a, 64 << 20);
	cr_assert(json_parse(&a, (struct slice){ text, n }, &why), "%s", why);
	free(text);
	text = many_keys(key_counts[*i], true, &n);
	cr_assert_null(json_parse(&a, (struct slice){ text, n }, &why));
	cr_assert_str_eq(why, "an object has the same key twice");
	free(text);
	arena_reset(&a);
}

Test(json, a_full_arena_is_told)
{
	const char *text = "{\"a\":[1,2,3],\"b\":\"x\\ny\",\"c\":{\"d\":null}}", *why;
	bool parsed = false;

	for (size_t limit = 0; limit < 2048; limit += 16) {
		struct arena a;

		arena_init(&a, limit);
		why = "";
		parsed = json_parse(&a, slice_of(text), &why);
		cr_assert(parsed || strcmp(why, "out of memory") == 0, "%zu: %s", limit, why);
		arena_reset(&a);
	}
	cr_assert(parsed);
}

static const struct {
	const char *text;
	size_t at;
	const char *want; /* NULL: none */
	size_t after;
} skips[] = {
	{ " 1, 2", 0, "1", 2 },       { " 1, 2", 3, "2", 5 },         { "{\"a\":[1,\"]\"]},x", 0, "{\"a\":[1,\"]\"]}", 13 },
	{ "\"a\\\"]\" ]", 0, "\"a\\\"]\"", 6 }, { "]", 0, NULL, 0 },   { " , 1", 0, NULL, 1 },
	{ "", 0, NULL, 0 },           { "  ", 0, NULL, 2 },           { "true]", 0, "true", 4 },
	{ "[1,2", 0, "[1,2", 4 },     { "\"abc", 0, "\"abc", 4 },     { "[]{}", 0, "[]", 2 },
	{ "[]{}", 2, "{}", 4 },       { "{\"}\":{}}", 0, "{\"}\":{}}", 8 }, { "nonsense:1", 0, "nonsense:1", 10 },
};
INDEX_PARAMETERS(json, skip, skips)
ParameterizedTest(size_t *i, json, skip)
{
	size_t at = skips[*i].at;
	struct slice got = json_skip(slice_of(skips[*i].text), &at);

	if (skips[*i].want)
		cr_assert(slice_is(got, skips[*i].want), "%.*s", (int)got.n, got.p);
	else
		cr_assert_null(got.p);
	cr_assert_eq(at, skips[*i].after, "%zu", at);
}

static const struct {
	const char *s;
	size_t n;
	bool valid;
} utf8[] = {
	{ "", 0, true }, { "a\xc3\xa9", 3, true }, { "a\0b", 3, false }, { "\xc3", 1, false }, { "\xed\x9f\xbf", 3, true },
	{ "\xed\xa0\x80", 3, false }, { "\xf4\x8f\xbf\xbf", 4, true }, { "\xf4\x90\x80\x80", 4, false }, { "\xfe", 1, false },
};
INDEX_PARAMETERS(json, utf8_valid, utf8)
ParameterizedTest(size_t *i, json, utf8_valid)
{
	cr_assert_eq(json_utf8_valid((struct slice){ utf8[*i].s, utf8[*i].n }), utf8[*i].valid, "case %zu", *i);
}
