#include "server/http/json_walk.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

Test(json_walk, members_of_an_object)
{
	static const char *const keys[] = { "\"a\"", "\"b\\\"]\"", "\"c\"" };
	static const char *const values[] = { "{\"x\":[1,{}]}", "\"},{\"", "-1.5e3" };
	struct json_walk w;
	struct slice key, value;
	int n = 0;

	cr_assert(json_walk_begin(
		&w, SLICE(" {\"a\" : {\"x\":[1,{}]} ,\n\"b\\\"]\":\"},{\",\"c\":-1.5e3 } "), '{'));
	for (; json_walk_next(&w, &key, &value); n++) {
		cr_assert(n < 3 && slice_is(key, keys[n]), "key %d is %.*s", n, (int)key.n, key.p);
		cr_assert(slice_is(value, values[n]), "value %d is %.*s", n, (int)value.n, value.p);
	}
	cr_assert_eq(n, 3);
	cr_assert_not(w.broken);
}

Test(json_walk, whole_arrays)
{
	static const char *const whole[] = { "[]", " [ ] \n", "[1]", "[{\"a\":[]},\"]\",null]",
					     "[[[]],{}]" };
	static const char *const broken[] = { "",     "[",          "]",    "{}",      "[1,]",
					      "[,1]", "[1 2]",      "[1]]", "[1],[2]", "[\"a]",
					      "[{]",  "[{\"a\":1]", "[1" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		cr_expect(json_walk_whole(slice_of(whole[i])), "%s is whole", whole[i]);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		cr_expect_not(json_walk_whole(slice_of(broken[i])), "%s is broken", broken[i]);
}

Test(json_walk, find_looks_at_the_top_level_only)
{
	static const char bulk[] = "{\"id\":\"x\",\"data\":{\"entries\":[0]},\"s\":"
				   "\"\\\"entries\\\":[1]\",\"entries\":[2]}";

	cr_assert(slice_is(json_walk_find(slice_of(bulk), SLICE("\"entries\"")), "[2]"));
	cr_assert_null(
		json_walk_find(SLICE("{\"data\":{\"entries\":[0]}}"), SLICE("\"entries\"")).p);
	cr_assert_null(json_walk_find(SLICE("[\"entries\",1]"), SLICE("\"entries\"")).p);
	cr_assert_null(json_walk_find(SLICE("{\"entries\"}"), SLICE("\"entries\"")).p);
	cr_assert_null(json_walk_find(SLICE("{\"a\" 1,\"entries\":2}"), SLICE("\"entries\"")).p);
	cr_assert_null(json_walk_find(SLICE(""), SLICE("\"entries\"")).p);
}

Test(json_walk, a_large_array_element_by_element)
{
	enum { ELEMENTS = 100000 };
	const size_t room = ELEMENTS * 8 + 2;
	char *text = malloc(room), *p = text;
	struct json_walk w;
	struct slice value;
	int n = 0;

	*p++ = '[';
	for (int i = 0; i < ELEMENTS; i++)
		p += snprintf(p, room - (size_t)(p - text), "%s[%d]", i ? "," : "", i % 1000);
	*p++ = ']';
	cr_assert(json_walk_begin(&w, (struct slice){ text, (size_t)(p - text) }, '['));
	for (; json_walk_next(&w, NULL, &value); n++)
		cr_assert(value.p[0] == '[' && atoi(value.p + 1) == n % 1000);
	cr_assert_eq(n, ELEMENTS);
	cr_assert_not(w.broken);
	free(text);
}
