#include "storage/base/err.h"

#include <criterion/criterion.h>

static enum err_code fails(struct err *e)
{
	return err_set(e, ERR_QUOTA, "no room for %d rows", 7);
}

Test(err, set_fills_code_place_and_text)
{
	struct err e = { 0 };

	cr_expect_eq(fails(&e), ERR_QUOTA);
	cr_expect_eq(e.code, ERR_QUOTA);
	cr_expect_str_eq(e.detail, "no room for 7 rows");
	cr_expect(strstr(e.file, "test_err.c"));
	cr_expect_gt(e.line, 0);
}

Test(err, set_without_a_place_only_returns_the_code)
{
	cr_expect_eq(fails(NULL), ERR_QUOTA);
}

Test(err, long_text_is_cut)
{
	struct err e = { 0 };
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	cr_expect_eq(err_set(&e, ERR_INTERNAL, "%s", text), ERR_INTERNAL);
	cr_expect_eq(strlen(e.detail), sizeof(e.detail) - 1);
}

Test(err, rows_say_name_status_and_retry)
{
	cr_expect_str_eq(err_name(ERR_STORE), "ERR_STORE");
	cr_expect_eq(err_grpc_status(ERR_OK), 0);
	cr_expect_eq(err_grpc_status(ERR_INVALID), 3);
	cr_expect_eq(err_grpc_status(ERR_STORE), 14);
	cr_expect_eq(err_grpc_status(ERR_QUOTA), 8);
	cr_expect(err_may_retry(ERR_STORE));
	cr_expect_not(err_may_retry(ERR_INVALID));
	for (int c = 0; c < ERR_COUNT; c++)
		cr_expect_not_null(err_name((enum err_code)c), "row %d", c);
}
