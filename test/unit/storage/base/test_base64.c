#include "storage/base/base64.h"

#include <criterion/criterion.h>

static const struct {
	const char *bytes, *text;
} pairs[] = { { "", "" },
	      { "f", "Zg==" },
	      { "fo", "Zm8=" },
	      { "foo", "Zm9v" },
	      { "foob", "Zm9vYg==" },
	      { "fooba", "Zm9vYmE=" },
	      { "foobar", "Zm9vYmFy" } };

Test(base64, both_ways)
{
	struct arena a;
	struct buf b;

	arena_init(&a, 4096);
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		buf_clear(&b);
		base64_print(&b, slice_of(pairs[i].bytes));
		cr_expect(slice_is((struct slice){ b.p, b.n }, pairs[i].text));
		cr_expect(slice_is(base64_read(&a, slice_of(pairs[i].text)), pairs[i].bytes));
	}
	cr_expect(slice_is(base64_read(&a, SLICE("Zg")), "f"));
	buf_reset(&b);
	arena_reset(&a);
}

Test(base64, what_is_none)
{
	static const char *const bad[] = { "Z",    "Zm9vY", "Zm 9", "Zm9-",
					   "Zm=v", "=",     "====", "{\"a\":1}" };
	struct arena a;

	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_null(base64_read(&a, slice_of(bad[i])).p, "%s was read", bad[i]);
	arena_reset(&a);
}
