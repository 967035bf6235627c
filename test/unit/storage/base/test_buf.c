#include "storage/base/buf.h"

#include <criterion/criterion.h>

static void expect_text(struct buf *b, const char *want)
{
	buf_putc(b, 0);
	cr_assert_not(b->failed);
	cr_expect_str_eq(b->p, want);
	buf_reset(b);
}

Test(buf, appends)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	buf_puts(&b, "one ");
	buf_put(&b, "two!", 3);
	buf_putc(&b, ' ');
	buf_printf(&b, "%d", 3);
	expect_text(&b, "one two 3");
}

Test(buf, grows_over_many_sizes)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, (char)('a' + i % 26));
	cr_assert_not(b.failed);
	cr_assert_eq(b.n, 100000);
	for (int i = 0; i < 100000; i++)
		cr_assert_eq(b.p[i], 'a' + i % 26);
	buf_reset(&b);
}

Test(buf, printf_longer_than_its_first_try)
{
	struct buf b;
	char want[2001];

	memset(want, 'y', 2000);
	want[2000] = 0;
	buf_init(&b, 1 << 16);
	buf_printf(&b, "%s", want);
	expect_text(&b, want);
}

Test(buf, failure_is_sticky_and_bounded)
{
	struct buf b;

	buf_init(&b, 10);
	buf_puts(&b, "12345678");
	cr_expect_not(b.failed);
	buf_puts(&b, "abc");
	cr_expect(b.failed);
	cr_expect_eq(b.n, 8);
	buf_putc(&b, 'z');
	cr_expect_eq(b.n, 8, "nothing after a failure, even if it would fit");
	cr_expect_null(buf_reserve(&b, 1));
	buf_clear(&b);
	cr_expect_not(b.failed);
	buf_puts(&b, "1234567890");
	cr_expect_not(b.failed);
	cr_expect_leq(b.cap, 10);
	buf_reset(&b);
}

Test(buf, json_strings_are_escaped)
{
	struct buf b;

	buf_init(&b, 1 << 10);
	buf_json_string(&b, SLICE("a\"b\\c\n\t\x01 \xc3\xa9"));
	expect_text(&b, "\"a\\\"b\\\\c\\n\\t\\u0001 \xc3\xa9\"");
}

Test(buf, integers_are_big_endian)
{
	struct buf b;

	buf_init(&b, 64);
	buf_put16(&b, 0x0102);
	buf_put32(&b, 0x03040506);
	buf_put64(&b, UINT64_C(0x0708090a0b0c0d0e));
	cr_assert_eq(b.n, 14);
	for (int i = 0; i < 14; i++)
		cr_expect_eq(b.p[i], i + 1);
	buf_reset(&b);
}
