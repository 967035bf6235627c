#include "storage/event_store.h"

#include <criterion/criterion.h>

/* Days from 1970 to the first of a month, by counting. */
static int64_t first_of(int year, int month)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t days = 0;

	for (int y = 1970; y < year; y++)
		days += 365 + (y % 4 == 0 && (y % 100 || y % 400 == 0));
	for (int m = 1; m < month; m++)
		days += lengths[m - 1] + (m == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0));
	return days;
}

static struct event_row row_at(int64_t us)
{
	return (struct event_row){ .created_at_us = us, .event_type = SLICE("t"), .event_id = SLICE("i"),
				   .event_source = SLICE("s"), .schema_version = SLICE("v1"),
				   .properties = SLICE("{}") };
}

Test(event_row, months)
{
	struct event_batch *b = event_batch_create(10000, 16 << 20);

	for (int year = 1970; year < 2110; year++)
		for (int month = 1; month <= 12; month++) {
			int64_t us = first_of(year, month) * INT64_C(86400000000);
			struct event_row at = row_at(us), before = row_at(us - 1);
			int32_t want = year * 12 + month - 1;

			cr_expect_eq(event_batch_add(b, &at)->month, want, "%d-%d", year, month);
			cr_expect_eq(event_batch_add(b, &before)->month, want - 1, "before %d-%d", year, month);
		}
	event_batch_destroy(b);
}

Test(event_row, elements_follow_each_other)
{
	struct event_batch *b = event_batch_create(2, 1 << 16);
	struct event_row r = row_at(0);
	const struct batch_entry *first = event_batch_add(b, &r), *second;
	size_t n = b->rows.n;

	r.cart_id = SLICE("12345");
	second = event_batch_add(b, &r);
	cr_expect_eq(first->len, n);
	cr_expect_eq(second->at, n);
	cr_expect_eq(second->len, n + 5);
	/* Its length without the length itself, then the number of attributes. */
	cr_expect_eq((uint8_t)b->rows.p[2] << 8 | (uint8_t)b->rows.p[3], (int)n - 4);
	cr_expect_eq(b->rows.p[7], 26);
	cr_expect_null(event_batch_add(b, &r), "full");
	cr_expect_eq(b->n, 2);
	event_batch_destroy(b);
}

Test(event_row, what_does_not_fit_leaves_the_batch_as_it_was)
{
	static char long_text[4096];
	struct event_batch *b = event_batch_create(10, 4096);
	struct event_row small = row_at(0), large = row_at(0);
	size_t n;

	large.properties = (struct slice){ long_text, sizeof(long_text) };
	cr_assert(event_batch_add(b, &small));
	n = b->rows.n;
	cr_expect_null(event_batch_add(b, &large));
	cr_expect_eq(b->rows.n, n);
	cr_expect_eq(b->n, 1);
	cr_expect(event_batch_add(b, &small), "smaller ones still fit");
	event_batch_destroy(b);
}

Test(event_row, what_a_row_says_of_its_entity_comes_back)
{
	static const int64_t day_us = INT64_C(86400000000), from_1970_to_2000 = 10957 * day_us;
	struct event_batch *b = event_batch_create(3, 1 << 16);
	struct event_row r = row_at(from_1970_to_2000 + day_us), read;
	struct entity_mark m;

	cr_expect(!event_batch_entity(b, event_batch_add(b, &r), &m), "it has none");
	r.has_entity = true;
	memset(r.entity.b, 7, sizeof(r.entity.b));
	cr_assert(event_batch_entity(b, event_batch_add(b, &r), &m));
	cr_expect_arr_eq(m.entity.b, r.entity.b, sizeof(m.entity.b));
	cr_expect(!m.has_sequence);
	cr_expect_eq(m.at, day_us);
	r.has_sequence = true;
	r.sequence = -5;
	cr_assert(event_batch_entity(b, event_batch_add(b, &r), &m));
	cr_expect(m.has_sequence);
	cr_expect_eq(m.at, -5);

	for (unsigned i = 0; i < b->n; i++) {
		char before[400], *row = b->rows.p + b->entries[i].at;
		unsigned differ = 0;

		memcpy(before, row, b->entries[i].len);
		event_batch_mark_late(b, &b->entries[i], true);
		for (uint32_t k = 0; k < b->entries[i].len; k++)
			differ += row[k] != before[k];
		cr_expect_eq(differ, 1, "one byte of row %u", i);
		event_batch_mark_late(b, &b->entries[i], false);
		cr_expect_arr_eq(row, before, b->entries[i].len);
		event_batch_read(b, &b->entries[i], &read);
		cr_expect(slice_is(read.event_id, "i") && slice_is(read.properties, "{}"));
	}
	event_batch_destroy(b);
}

static const struct {
	const char *why;
	struct slice in;
	const char *want;
} texts[] = {
	{ "plain and two, three, four bytes", { "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10 },
	  "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "NUL", { "a\0b", 3 }, "a?b" },
	{ "alone", { "\x80\xffz", 3 }, "??z" },
	{ "cut short", { "\xe2\x82", 2 }, "??" },
	{ "overlong", { "\xc0\xaf\xe0\x80\xaf", 5 }, "?????" },
	{ "surrogate", { "\xed\xa0\x80", 3 }, "???" },
	{ "beyond U+10FFFF", { "\xf4\x90\x80\x80", 4 }, "????" },
};

Test(event_row, letters_hold_any_bytes)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct letter_batch *b = letter_batch_create(4096);
		struct dead_letter d = { .payload = texts[i].in };
		size_t n = texts[i].in.n;

		cr_assert(letter_batch_add(b, &d));
		cr_expect_eq(b->n, 1);
		cr_expect_arr_eq(b->rows.p + b->rows.n - n, texts[i].want, n, "%s", texts[i].why);
		letter_batch_destroy(b);
	}
}
