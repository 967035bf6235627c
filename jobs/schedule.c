#include "jobs/schedule.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MINUTE = 60, DAY = 86400, SECOND_US = 1000000 };

void schedule_use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static int64_t floor_to(int64_t v, int64_t step)
{
	return v - ((v % step) + step) % step;
}

/* Seconds that the local clock is ahead of UTC at an instant. */
static int64_t offset_at(int64_t t)
{
	time_t s = (time_t)t;
	struct tm tm;

	localtime_r(&s, &tm);
	return tm.tm_gmtoff;
}

/* --- times of day ---
 * Local times are seconds, counted as if the local clock were UTC's. */

/* The first instant in (from, to] at which the offset is no longer `before`. */
static int64_t change_between(int64_t from, int64_t to, int64_t before)
{
	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;

		if (offset_at(middle) == before)
			from = middle;
		else
			to = middle;
	}
	return to;
}

static int64_t instant_of(int64_t local)
{
	int64_t before = offset_at(local - DAY), after = offset_at(local + DAY);

	if (local - before + offset_at(local - before) == local)
		return local - before;
	if (local - after + offset_at(local - after) == local)
		return local - after;
	return change_between(local - after, local - before, before);
}

static struct tm civil(int64_t local_day)
{
	time_t s = (time_t)local_day;
	struct tm tm;

	gmtime_r(&s, &tm);
	return tm;
}

static bool falls_on(const struct schedule *s, int64_t local_day)
{
	struct tm tm = civil(local_day);

	return s->kind == DAILY || (s->kind == WEEKLY && tm.tm_wday == s->weekday) ||
	       (s->kind == MONTHLY && tm.tm_mday == 1);
}

/* From the day of an instant on, forwards or backwards, until a slot is on the wanted side of it. The instant's
 * own zone may be a day off where the offset changes by hours: begins one day early. */
static int64_t walk_days(const struct schedule *s, int64_t t, bool forwards)
{
	int64_t step = forwards ? DAY : -DAY;
	int64_t day = floor_to(t + offset_at(t), DAY) - step;

	for (;; day += step) {
		int64_t slot;

		if (!falls_on(s, day))
			continue;
		slot = instant_of(day + s->minutes * MINUTE);
		if (forwards ? slot > t : slot <= t)
			return slot;
	}
}

/* --- every n minutes --- */

/* u: a full minute. True when the local clock shows a multiple of the period, or has just passed one by. */
static bool is_mark(int64_t u, int64_t period)
{
	int64_t here = u + offset_at(u), before = u - MINUTE + offset_at(u - MINUTE);

	return floor_to(here, period) == here || floor_to(here, period) > before;
}

static int64_t walk_minutes(const struct schedule *s, int64_t t, bool forwards)
{
	int64_t period = s->minutes * (int64_t)MINUTE, u = floor_to(t, MINUTE);

	u += forwards ? MINUTE : 0;
	while (!is_mark(u, period))
		u += forwards ? MINUTE : -MINUTE;
	return u;
}

static int64_t walk(const struct schedule *s, int64_t us, bool forwards)
{
	int64_t t = floor_to(us, SECOND_US) / SECOND_US;

	assert(s->kind != ON_DEMAND);
	return (s->kind == EVERY ? walk_minutes(s, t, forwards) : walk_days(s, t, forwards)) * SECOND_US;
}

int64_t schedule_next(const struct schedule *s, int64_t after_us)
{
	return walk(s, after_us, true);
}

int64_t schedule_last(const struct schedule *s, int64_t at_us)
{
	return walk(s, at_us, false);
}

void schedule_date(int64_t at_us, unsigned days, char out[SCHEDULE_DATE_BYTES])
{
	int64_t t = floor_to(at_us, SECOND_US) / SECOND_US;
	struct tm tm = civil(floor_to(t + offset_at(t), DAY) - (int64_t)days * DAY);

	strftime(out, SCHEDULE_DATE_BYTES, "%Y-%m-%d", &tm);
}

bool schedule_date_valid(const char *date)
{
	char again[SCHEDULE_DATE_BYTES];
	struct tm tm = { 0 };
	const char *end = strptime(date, "%Y-%m-%d", &tm);
	time_t t = end && !*end ? timegm(&tm) : 0;

	strftime(again, sizeof(again), "%Y-%m-%d", gmtime_r(&t, &tm));
	return end && !strcmp(again, date);
}

bool schedule_date_has_come(const char *date, int64_t at_us)
{
	char today[SCHEDULE_DATE_BYTES];

	schedule_date(at_us, 0, today);
	return strcmp(date, today) <= 0;
}

void schedule_text(const struct schedule *s, char *out, size_t bytes)
{
	static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
						"Saturday" };
	unsigned h = s->minutes / 60, m = s->minutes % 60;

	switch (s->kind) {
	case ON_DEMAND:
		snprintf(out, bytes, "on demand");
		break;
	case EVERY:
		snprintf(out, bytes, "every %u minutes", s->minutes);
		break;
	case DAILY:
		snprintf(out, bytes, "daily %02u:%02u", h, m);
		break;
	case WEEKLY:
		snprintf(out, bytes, "%s %02u:%02u", weekdays[s->weekday], h, m);
		break;
	case MONTHLY:
		snprintf(out, bytes, "first of the month %02u:%02u", h, m);
		break;
	}
}
