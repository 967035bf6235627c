/* server/query/range.h -- the span of time a question is about: dateRange, or startDate and
 * endDate, in timeZone. What the words mean is read here; where the local days begin is
 * PostgreSQL's to say (query_range.sql), so half-hour zones and days with a change of clocks are
 * exact. An empty argument is an absent one; a start without an end lasts to the end of today.
 * Memory: values only, texts point to the request or are static. Threads: any. Blocking: never.
 * Errors: ERR_INVALID with the field to blame. */
#ifndef SERVER_QUERY_RANGE_H
#define SERVER_QUERY_RANGE_H

#include "server/wire/call.h"
#include "storage/pg/pool.h"

enum { RANGE_MAX_DAYS = 3660, RANGE_ZONE_BYTES = 64, RANGE_TEXT_BYTES = 28 };

/* The arguments as sent; NULL or "": absent. */
struct range_args {
	const char *date_range, *start_date, *end_date, *time_zone;
};

/* One end: an instant in UTC, or a local day, or (both empty) not given. */
struct range_bound {
	char instant[RANGE_TEXT_BYTES];
	char day[RANGE_TEXT_BYTES];
};

struct range_spec {
	char zone[RANGE_ZONE_BYTES];
	char now[RANGE_TEXT_BYTES];
	bool zone_given;   /* by the caller; else it is the default */
	const char *named; /* dateRange, or NULL; static */
	struct range_bound start, end;
};

/* [start, end), and before: the start of the range just before, which ends at start. In UTC, as
 * PostgreSQL reads them. */
struct range {
	char before[RANGE_TEXT_BYTES], start[RANGE_TEXT_BYTES], end[RANGE_TEXT_BYTES];
};

MUST_CHECK enum err_code range_parse(struct range_spec *out, const struct range_args *a,
				     const char *default_zone, int64_t now_us, struct violation *v);
/* The statement that finds the range; s must outlive it. It fails with ERR_DATA when the zone is
 * unknown. */
void range_statement(const struct range_spec *s, struct pool_statement *st);
/* Its answer. Refused: an end that is not after the start, more than RANGE_MAX_DAYS. */
MUST_CHECK enum err_code range_read(struct range *out, const PGresult *r, struct violation *v);

/* The name under which PostgreSQL finds an IANA zone: CET and three others mean fixed offsets to
 * it, and their namesakes are given instead. NULL for what cannot be an IANA name (abbreviations,
 * POSIX rules). */
const char *range_zone(const char *name);

#endif
