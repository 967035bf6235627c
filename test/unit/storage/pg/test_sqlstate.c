#include "storage/pg/sqlstate.h"

#include <criterion/criterion.h>

static const struct {
	const char *state;
	enum err_code want;
	bool stale;
} cases[] = {
	{ "22021", ERR_DATA, false },  /* bad UTF-8 */
	{ "22P02", ERR_DATA, false },  /* bad JSON */
	{ "23502", ERR_DATA, false },  /* NULL where none may be */
	{ "54001", ERR_DATA, false },  /* nested too deeply */
	{ "40P01", ERR_RETRY, false }, /* deadlock */
	{ "40001", ERR_RETRY, false },
	{ "55P03", ERR_RETRY, false }, /* lock_timeout */
	{ "08006", ERR_STORE, false }, { "53100", ERR_STORE, false }, { "57014", ERR_STORE, false },
	{ "57P01", ERR_STORE, false }, { "25006", ERR_STORE, false }, { "42P01", ERR_STORE, false },
	{ "42501", ERR_STORE, false }, { "XX000", ERR_STORE, false }, { NULL, ERR_STORE, false },
	{ "42804", ERR_STORE, true },  /* a type made anew: never a row's fault */
	{ "26000", ERR_STORE, true },  { "0A000", ERR_STORE, true },
};

Test(sqlstate, only_the_values_own_faults_are_data)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *name = cases[i].state ? cases[i].state : "none";

		cr_expect_eq(sqlstate_code(cases[i].state), cases[i].want, "%s", name);
		cr_expect_eq(sqlstate_is_stale(cases[i].state), cases[i].stale, "%s", name);
	}
}

Test(sqlstate, the_classes_that_say_postgresql_is_away)
{
	static const char *const away[] = { "08006", "53100", "53300", "57P01", "57P02", "57P03" };
	static const char *const not_away[] = { "57014", "40P01", "22021", "25006", "42P01", "", NULL };

	for (size_t i = 0; i < sizeof(away) / sizeof(*away); i++)
		cr_expect(sqlstate_is_away(away[i]), "%s", away[i]);
	for (size_t i = 0; i < sizeof(not_away) / sizeof(*not_away); i++)
		cr_expect(!sqlstate_is_away(not_away[i]), "%s", not_away[i] ? not_away[i] : "none");
}

Test(sqlstate, a_schema_that_is_not_there_yet)
{
	cr_expect(sqlstate_is_no_schema("42704"));
	cr_expect(sqlstate_is_no_schema("42P01"));
	cr_expect(!sqlstate_is_no_schema("42501"));
	cr_expect(!sqlstate_is_no_schema(""));
	cr_expect(!sqlstate_is_no_schema(NULL));
}
