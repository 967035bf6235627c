#include "storage/pg/types.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static const struct {
	const char *why;
	int64_t minor;
	unsigned scale;
	size_t n;
	uint8_t want[24]; /* length, digits, weight, sign, scale, groups of four digits */
} cases[] = {
	{ "zero", 0, 2, 12, { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2 } },
	{ "12.34", 1234, 2, 16, { 0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x0d, 0x48 } },
	{ "-0.05", -5, 2, 14, { 0, 0, 0, 10, 0, 1, 0xff, 0xff, 0x40, 0, 0, 2, 0x01, 0xf4 } },
	{ "10000 has no trailing groups", 10000, 0, 14, { 0, 0, 0, 10, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1 } },
	{ "1.500 keeps its scale", 1500, 3, 16, { 0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 3, 0, 1, 0x13, 0x88 } },
	{ "the least: 922 3372 0368 5477 5808", INT64_MIN, 0, 22,
	  { 0, 0, 0, 18, 0, 5, 0, 4, 0x40, 0, 0, 0,
	    0x03, 0x9a, 0x0d, 0x2c, 0x01, 0x70, 0x15, 0x65, 0x16, 0xb0 } },
};

ParameterizedTestParameters(types, numeric)
{
	static size_t at[sizeof(cases) / sizeof(*cases)];

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		at[i] = i;
	return cr_make_param_array(size_t, at, sizeof(at) / sizeof(*at));
}

ParameterizedTest(size_t *i, types, numeric)
{
	char out[PG_NUMERIC_BYTES];
	char *end = pg_put_numeric(out, cases[*i].minor, cases[*i].scale);

	cr_assert_eq((size_t)(end - out), cases[*i].n, "%s: %zu bytes", cases[*i].why, (size_t)(end - out));
	cr_expect_arr_eq(out, cases[*i].want, cases[*i].n, "%s", cases[*i].why);
}

Test(types, largest_numeric_fits_its_ceiling)
{
	char out[PG_NUMERIC_BYTES];

	for (unsigned scale = 0; scale < 256; scale++)
		cr_expect_leq((size_t)(pg_put_numeric(out, INT64_MIN, scale) - out), sizeof(out), "scale %u", scale);
}

Test(types, texts_and_nulls)
{
	char out[32];

	cr_expect_eq(pg_put_text(out, (struct slice){ 0 }) - out, 4);
	cr_expect_arr_eq(out, "\xff\xff\xff\xff", 4);
	cr_expect_eq(pg_put_text(out, SLICE("")) - out, 4);
	cr_expect_arr_eq(out, "\0\0\0\0", 4);
	cr_expect_eq(pg_put_jsonb(out, SLICE("{}")) - out, 7);
	cr_expect_arr_eq(out, "\0\0\0\3\1{}", 7);
}

Test(types, instants)
{
	char out[32];

	pg_put_timestamptz(out, INT64_C(946684800) * 1000000 + 1); /* a microsecond into 2000 */
	cr_expect_arr_eq(out, "\0\0\0\10\0\0\0\0\0\0\0\1", 12);
	pg_put_timestamptz(out, INT64_MIN); /* no overflow, and not PostgreSQL's -infinity */
	cr_expect_arr_eq(out, "\0\0\0\10\x80\0\0\0\0\0\0\1", 12);
}
