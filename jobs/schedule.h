/* jobs/schedule.h -- when a job is due: slots, aligned to the wall clock of one time zone.
 * A slot is an instant. Times of day: one slot a local day; a time that a change to summer time leaves out is at
 * the end of the gap, one that comes twice is the first of the two. Every n minutes: the hour counts on by
 * minutes that have passed, so a day of 23 hours has 23 full hours and one of 25 has 25; a full hour inside a gap
 * is at its end.
 * Nothing here reads a clock: the caller says what time it is.
 * Memory: none. Threads: any, once the zone is set. Blocking: never, but for schedule_use_zone. */
#ifndef JOBS_SCHEDULE_H
#define JOBS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schedule_kind { ON_DEMAND, EVERY, DAILY, WEEKLY, MONTHLY };

struct schedule {
	enum schedule_kind kind;
	uint16_t minutes;      /* EVERY: the period, a divisor of 60; else the minute of the local day */
	uint8_t weekday;       /* WEEKLY: 0 Sunday .. 6 Saturday; MONTHLY: always the first */
};

enum { SCHEDULE_DATE_BYTES = 16 };

/* The zone of all that follows, by its IANA name: the C library's own (it has one a process), loaded with all
 * its rules. Before threads are started. */
void schedule_use_zone(const char *zone);

/* Microseconds since 1970 UTC. Not of ON_DEMAND. */
int64_t schedule_next(const struct schedule *s, int64_t after_us);   /* the first slot later than that */
int64_t schedule_last(const struct schedule *s, int64_t at_us);      /* the last slot not later than that */

/* The local date `days` days before that of an instant: "2026-11-23". */
void schedule_date(int64_t at_us, unsigned days, char out[SCHEDULE_DATE_BYTES]);
bool schedule_date_valid(const char *date);             /* one of the calendar, written so */
bool schedule_date_has_come(const char *date, int64_t at_us);  /* today's has */
void schedule_text(const struct schedule *s, char *out, size_t bytes);  /* "daily 02:30", for people */

#endif
