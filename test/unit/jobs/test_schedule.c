#include "jobs/schedule.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define HOUR_US INT64_C(3600000000)
static const int64_t new_year_us = 1767225600000000; /* 2026-01-01T00:00:00Z */
static const int64_t year_us = 365 * 24 * HOUR_US;

static const char *const zones[] = { "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Kolkata",
				     "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns", "Africa/Casablanca",
				     "Pacific/Kiritimati" };

static int64_t at(const char *utc)
{
	struct tm tm = { 0 };

	cr_assert_not_null(strptime(utc, "%Y-%m-%dT%H:%M:%SZ", &tm), "%s", utc);
	return (int64_t)timegm(&tm) * 1000000;
}

static struct tm local(int64_t us)
{
	time_t s = (time_t)(us / 1000000);
	struct tm tm;

	localtime_r(&s, &tm);
	return tm;
}

static const struct {
	const char *zone;
	struct schedule when;
	const char *after, *want;
} cases[] = {
	{ "UTC", { DAILY, 60, 0 }, "2026-11-23T15:00:00Z", "2026-11-24T01:00:00Z" },
	{ "UTC", { DAILY, 60, 0 }, "2026-11-24T00:59:59Z", "2026-11-24T01:00:00Z" },
	{ "UTC", { DAILY, 60, 0 }, "2026-11-24T01:00:00Z", "2026-11-25T01:00:00Z" },
	{ "UTC", { EVERY, 60, 0 }, "2026-11-23T15:00:00Z", "2026-11-23T16:00:00Z" },
	{ "UTC", { EVERY, 15, 0 }, "2026-11-23T15:14:59Z", "2026-11-23T15:15:00Z" },
	{ "UTC", { WEEKLY, 180, 1 }, "2026-11-23T03:00:00Z", "2026-11-30T03:00:00Z" },
	{ "UTC", { MONTHLY, 210, 0 }, "2026-11-23T03:00:00Z", "2026-12-01T03:30:00Z" },
	{ "UTC", { MONTHLY, 0, 0 }, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z" },
	{ "Asia/Kathmandu", { EVERY, 60, 0 }, "2026-11-23T15:20:00Z", "2026-11-23T16:15:00Z" },
	{ "Asia/Kathmandu", { DAILY, 60, 0 }, "2026-11-23T15:20:00Z", "2026-11-23T19:15:00Z" },
	{ "Pacific/Kiritimati", { DAILY, 0, 0 }, "2026-11-23T15:20:00Z", "2026-11-24T10:00:00Z" },
	/* The hour from 2 to 3 is missing: its slot is at the gap's end. */
	{ "America/New_York", { DAILY, 150, 0 }, "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z" },
	{ "America/New_York", { DAILY, 180, 0 }, "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z" },
	{ "America/New_York", { DAILY, 150, 0 }, "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z" },
	{ "America/New_York", { EVERY, 60, 0 }, "2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z" },
	/* The hour from 1 to 2 comes twice: a time of day counts once, hours go on. */
	{ "America/New_York", { DAILY, 90, 0 }, "2026-11-01T00:00:00Z", "2026-11-01T05:30:00Z" },
	{ "America/New_York", { DAILY, 90, 0 }, "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z" },
	{ "America/New_York", { EVERY, 60, 0 }, "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z" },
	/* Half an hour of change. */
	{ "Australia/Lord_Howe", { EVERY, 60, 0 }, "2026-10-03T15:00:00Z", "2026-10-03T15:30:00Z" },
	{ "Australia/Lord_Howe", { DAILY, 135, 0 }, "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z" },
	/* A year behind the last change that a zone's file spells out. */
	{ "America/New_York", { DAILY, 60, 0 }, "2061-07-01T00:00:00Z", "2061-07-01T05:00:00Z" },
};

ParameterizedTestParameters(schedule, next)
{
	static size_t n[sizeof(cases) / sizeof(*cases)];

	for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++)
		n[i] = i;
	return cr_make_param_array(size_t, n, sizeof(n) / sizeof(*n));
}

ParameterizedTest(size_t *i, schedule, next)
{
	int64_t want = at(cases[*i].want);

	schedule_use_zone(cases[*i].zone);
	cr_expect_eq(schedule_next(&cases[*i].when, at(cases[*i].after)), want, "%s after %s: %lld", cases[*i].zone,
		     cases[*i].after, (long long)schedule_next(&cases[*i].when, at(cases[*i].after)) / 1000000);
	cr_expect_eq(schedule_last(&cases[*i].when, want), want);
	cr_expect_lt(schedule_last(&cases[*i].when, want - 1), want);
}

/* What a day's slots must look like whatever the zone does: one a date, in order, at its time, or where the
 * local clock jumped over it. */
static void turn_a_year_of_days(const char *zone, unsigned minutes)
{
	const struct schedule s = { DAILY, (uint16_t)minutes, 0 };
	int64_t t = new_year_us - 1, before = schedule_last(&s, t);
	unsigned n = 0, moved = 0;

	for (; (t = schedule_next(&s, t)) < new_year_us + year_us; n++) {
		struct tm tm = local(t), earlier = local(t - 1000000);
		int shown = tm.tm_hour * 60 + tm.tm_min, then = earlier.tm_hour * 60 + earlier.tm_min;
		char date[SCHEDULE_DATE_BYTES], day_before[SCHEDULE_DATE_BYTES];

		if (shown != (int)minutes) {
			moved++;
			cr_assert(then < (int)minutes && (int)minutes < shown, "%s: %d", zone, shown);
		}
		cr_assert_eq(schedule_last(&s, t - 1), before, "%s", zone);
		before = t;
		schedule_date(t, 1, date);
		schedule_date(schedule_last(&s, t - 1), 0, day_before);
		cr_assert_str_eq(date, day_before, "%s: every date has its slot", zone);
	}
	cr_assert_eq(n, 365, "%s: %u", zone, n);
	cr_assert_leq(moved, 1, "%s", zone);
}

static void turn_a_year_of_hours(const char *zone, unsigned minutes)
{
	const struct schedule s = { EVERY, (uint16_t)minutes, 0 };
	int64_t t = schedule_last(&s, new_year_us), longest = 0, before = t;
	/* There the change is one of half an hour: an hour ends early in spring, and one is longer in autumn. */
	bool halves = !strcmp(zone, "Australia/Lord_Howe") && minutes == 60;
	unsigned n = 0;

	for (; (t = schedule_next(&s, t)) <= new_year_us + year_us; n++) {
		cr_assert_eq(schedule_last(&s, t + 59999999), t);
		cr_assert_gt(t, before);
		longest = t - before > longest ? t - before : longest;
		before = t;
	}
	/* Chatham's gap begins at a quarter to three: an hour's mark is in it, and one comes 15 minutes later. */
	cr_assert(n == 8760 * (60 / minutes) + (!strcmp(zone, "Pacific/Chatham") && minutes == 60), "%s: %u", zone, n);
	cr_assert_eq(longest, (int64_t)(halves ? 90 : minutes) * 60000000, "%s", zone);
}

ParameterizedTestParameters(schedule, a_year)
{
	static size_t n[sizeof(zones) / sizeof(*zones)];

	for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++)
		n[i] = i;
	return cr_make_param_array(size_t, n, sizeof(n) / sizeof(*n));
}

ParameterizedTest(size_t *i, schedule, a_year)
{
	static const unsigned times[] = { 0, 30, 60, 90, 135, 150, 165, 180, 210, 1439 }, periods[] = { 5, 15, 60 };

	schedule_use_zone(zones[*i]);
	for (size_t k = 0; k < sizeof(times) / sizeof(*times); k++)
		turn_a_year_of_days(zones[*i], times[k]);
	for (size_t k = 0; k < sizeof(periods) / sizeof(*periods); k++)
		turn_a_year_of_hours(zones[*i], periods[k]);
}

Test(schedule, texts)
{
	static const struct {
		struct schedule s;
		const char *want;
	} texts[] = { { { ON_DEMAND, 0, 0 }, "on demand" },
		      { { EVERY, 15, 0 }, "every 15 minutes" },
		      { { DAILY, 150, 0 }, "daily 02:30" },
		      { { WEEKLY, 180, 1 }, "Monday 03:00" },
		      { { MONTHLY, 210, 0 }, "first of the month 03:30" } };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char out[64];

		schedule_text(&texts[i].s, out, sizeof(out));
		cr_expect_str_eq(out, texts[i].want);
	}
}
