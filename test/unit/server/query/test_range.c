#include "server/query/range.h"

#include <criterion/criterion.h>

static const int64_t noon_us = 1767355200000000; /* 2026-01-02T12:00:00Z */

static enum err_code parse(struct range_spec *s, struct violation *v, const char *range,
			   const char *start, const char *end, const char *zone)
{
	const struct range_args a = { range, start, end, zone };

	return range_parse(s, &a, "Asia/Kolkata", noon_us, v);
}

/* The field that is to blame, "" when nothing is. */
static const char *blamed(const char *range, const char *start, const char *end, const char *zone)
{
	struct range_spec s;
	struct violation v = { "", "" };

	return parse(&s, &v, range, start, end, zone) == ERR_OK ? "" : v.field;
}

Test(range, nothing_asked_is_thirty_days_in_the_default_zone)
{
	struct range_spec s;
	struct violation v;
	struct pool_statement st;

	cr_assert_eq(parse(&s, &v, NULL, "", NULL, NULL), ERR_OK);
	range_statement(&s, &st);
	cr_assert_str_eq(st.name, "query_range");
	cr_assert_eq(st.nparams, 7);
	cr_assert_str_eq(st.params[0], "Asia/Kolkata");
	cr_assert_str_eq(st.params[1], "2026-01-02T12:00:00.000000Z");
	cr_assert_str_eq(st.params[2], "30d");
	for (int i = 3; i < 7; i++)
		cr_assert_null(st.params[i]);
	cr_assert_not(s.zone_given);
}

Test(range, every_name_is_known_and_nothing_like_it)
{
	static const char *const good[] = { "today", "yesterday",  "7d",	 "30d",
					    "90d",   "this_month", "last_month", "this_year" };
	static const char *const bad[] = { "Today", "8d",	 "7D",	       "7d ", "0d",
					   "-7d",   "last_year", "this month", "d" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect_str_eq(blamed(good[i], NULL, NULL, NULL), "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_str_eq(blamed(bad[i], NULL, NULL, NULL), "dateRange", "%s", bad[i]);
}

Test(range, a_name_and_dates_exclude_each_other)
{
	cr_expect_str_eq(blamed("7d", "2026-01-01", "2026-01-02", NULL), "dateRange");
	cr_expect_str_eq(blamed("7d", NULL, "2026-01-02", NULL), "dateRange");
	cr_expect_str_eq(blamed("7d", "", "", NULL), "");
}

Test(range, dates_and_instants_mix)
{
	struct range_spec s;
	struct violation v;
	struct pool_statement st;

	cr_assert_eq(parse(&s, &v, NULL, "2026-01-31", "2026-02-01T00:30:00.1234567+05:30",
			   "America/New_York"),
		     ERR_OK);
	range_statement(&s, &st);
	cr_assert_null(st.params[2]);
	cr_assert_null(st.params[3]);
	cr_assert_str_eq(st.params[4], "2026-01-31");
	cr_assert_str_eq(st.params[5], "2026-01-31T19:00:00.123456Z");
	cr_assert_null(st.params[6]);
	cr_assert(s.zone_given);
}

Test(range, a_start_alone_is_enough_an_end_is_not)
{
	cr_expect_str_eq(blamed(NULL, "2026-01-01", NULL, NULL), "");
	cr_expect_str_eq(blamed(NULL, NULL, "2026-01-01", NULL), "startDate");
}

Test(range, what_is_no_time_is_refused)
{
	static const char *const bad[] = {
		"2026",
		"2026-02-29",
		"2026-13-01",
		"2026-00-01",
		"2026-01-00",
		"2026-1-02",
		"2026-01-01 ",
		"2026-01-01T00:00:00",
		"2026-01-01T24:00:00Z",
		"now",
		"1767355200",
		"26-01-01",
		"1969-12-31",
		"9999-01-01",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00+24:00",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_expect_str_eq(blamed(NULL, bad[i], "2026-03-01", NULL), "startDate", "%s",
				 bad[i]);
		cr_expect_str_eq(blamed(NULL, "2026-01-01", bad[i], NULL), "endDate", "%s", bad[i]);
	}
	cr_expect_str_eq(blamed(NULL, "2024-02-29", "2024-02-29t12:00:00z", NULL), "");
}

Test(range, zones_are_iana_names)
{
	static const char *const good[] = { "UTC",
					    "Asia/Kathmandu",
					    "America/Argentina/Buenos_Aires",
					    "Etc/GMT+12",
					    "Etc/GMT-14",
					    "Etc/GMT",
					    "Etc/GMT0",
					    "GMT0",
					    "EST5EDT",
					    "America/Port-au-Prince",
					    "Mars/Olympus" };
	static const char *const bad[] = { "PDT",
					   "utc",
					   "FOO+5",
					   "<+05>-5",
					   "Europe/Paris5",
					   "Europe/Paris+5",
					   "Etc/GMT+13",
					   "Etc/GMT-15",
					   "Etc/GMT+",
					   "Etc/GMT+5x",
					   "posix/Europe/Paris",
					   "right/UTC",
					   "../etc/passwd",
					   "Europe",
					   "Europe/Paris; x",
					   "EST5EDT4",
					   " UTC",
					   ":UTC" };
	char longer[200] = "Area/";

	memset(longer + 5, 'x', sizeof(longer) - 6);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect_str_eq(blamed("7d", NULL, NULL, good[i]), "", "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_str_eq(blamed("7d", NULL, NULL, bad[i]), "timeZone", "%s", bad[i]);
	cr_expect_str_eq(blamed("7d", NULL, NULL, longer), "timeZone");
	cr_expect_str_eq(range_zone("CET"), "Europe/Brussels");
}
