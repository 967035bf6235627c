#include "server/query/range.h"

#include "server/ingest/timestamp.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { DATE_BYTES = 10, MIDNIGHT_BYTES = 10 };

/* Outside of these a zone's offset or a day more could leave the years that have four digits. */
static const char first_time[] = "1970-01-01T00:00:00.000000Z",
		  last_time[] = "9999-01-01T00:00:00.000000Z";
static const char *const names[] = { "today", "yesterday",  "7d",	  "30d",
				     "90d",   "this_month", "last_month", "this_year" };
static const char unreadable[] =
	"must be an RFC 3339 time such as 2026-01-31T08:00:00Z, or a date such as 2026-01-31";

static enum err_code refuse(struct violation *v, const char *field, const char *why)
{
	*v = (struct violation){ field, why };
	return ERR_INVALID;
}

static bool given(const char *s)
{
	return s && *s;
}

static bool instant_parse(char out[static RANGE_TEXT_BYTES], struct slice s)
{
	int64_t us;

	if (!timestamp_parse(s, &us))
		return false;
	timestamp_format(us, out);
	return strcmp(out, first_time) >= 0 && strcmp(out, last_time) < 0;
}

static bool bound_parse(struct range_bound *b, const char *s)
{
	char midnight[RANGE_TEXT_BYTES], ignored[RANGE_TEXT_BYTES];
	int n = snprintf(midnight, sizeof(midnight), "%sT00:00:00Z", s);

	if (n != DATE_BYTES + MIDNIGHT_BYTES)
		return instant_parse(b->instant, slice_of(s));
	if (!instant_parse(ignored, slice_of(midnight)))
		return false;
	snprintf(b->day, sizeof(b->day), "%s", s);
	return true;
}

static bool is_gmt_offset(const char *s)
{
	char *end;
	long hours = 0;

	if (strncmp(s, "Etc/GMT", 7) != 0)
		return false;
	s += 7;
	if (*s && !isdigit((unsigned char)s[*s == '+' || *s == '-']))
		return false;
	if (*s)
		hours = strtol(s, &end, 10);
	return !*s || (!*end && hours >= -14 && hours <= 12);
}

const char *range_zone(const char *name)
{
	static const struct {
		const char *name, *namesake;
	} renamed[] = { { "CET", "Europe/Brussels" },
			{ "EET", "Europe/Athens" },
			{ "MET", "Europe/Brussels" },
			{ "WET", "Europe/Lisbon" } };
	static const char *const plain[] = {
		"CST6CDT",   "Cuba",	"EST",	     "EST5EDT", "Egypt",   "Eire",	"GB",
		"GB-Eire",   "GMT",	"GMT+0",     "GMT-0",	"GMT0",	   "Greenwich", "HST",
		"Hongkong",  "Iceland", "Iran",	     "Israel",	"Jamaica", "Japan",	"Kwajalein",
		"Libya",     "MST",	"MST7MDT",   "NZ",	"NZ-CHAT", "Navajo",	"PRC",
		"PST8PDT",   "Poland",	"Portugal",  "ROC",	"ROK",	   "Turkey",	"UCT",
		"Singapore", "UTC",	"Universal", "W-SU",	"Zulu",
	};

	if (strlen(name) >= RANGE_ZONE_BYTES)
		return NULL;
	for (size_t i = 0; i < sizeof(renamed) / sizeof(*renamed); i++)
		if (strcmp(name, renamed[i].name) == 0)
			return renamed[i].namesake;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (strcmp(name, plain[i]) == 0)
			return name;
	if (is_gmt_offset(name))
		return name;
	/* Area/Place. Every POSIX rule holds a digit, no other such name does; the two trees are
	 * copies of the others, one of them counting leap seconds. */
	if (!strchr(name, '/') || strncasecmp(name, "posix/", 6) == 0 ||
	    strncasecmp(name, "right/", 6) == 0)
		return NULL;
	for (const char *p = name; *p; p++)
		if (!isalpha((unsigned char)*p) && !strchr("/_-", *p))
			return NULL;
	return name;
}

static enum err_code bounds_parse(struct range_spec *s, const struct range_args *a,
				  struct violation *v)
{
	if (!given(a->start_date) && !given(a->end_date)) {
		s->named = "30d";
		return ERR_OK;
	}
	if (!given(a->start_date))
		return refuse(v, "startDate", "is needed beside endDate");
	if (!bound_parse(&s->start, a->start_date))
		return refuse(v, "startDate", unreadable);
	if (given(a->end_date) && !bound_parse(&s->end, a->end_date))
		return refuse(v, "endDate", unreadable);
	return ERR_OK;
}

static enum err_code name_parse(struct range_spec *s, const struct range_args *a,
				struct violation *v)
{
	if (given(a->start_date) || given(a->end_date))
		return refuse(v, "dateRange", "excludes startDate and endDate");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(a->date_range, names[i]) == 0)
			s->named = names[i];
	if (!s->named)
		return refuse(v, "dateRange",
			      "must be today, yesterday, 7d, 30d, 90d, this_month, last_month or "
			      "this_year");
	return ERR_OK;
}

enum err_code range_parse(struct range_spec *out, const struct range_args *a,
			  const char *default_zone, int64_t now_us, struct violation *v)
{
	struct range_spec s = { .zone_given = given(a->time_zone) };
	const char *zone = range_zone(s.zone_given ? a->time_zone : default_zone);
	enum err_code c;

	if (!zone)
		return refuse(v, "timeZone", "must be an IANA time zone such as Europe/Paris");
	snprintf(s.zone, sizeof(s.zone), "%s", zone);
	timestamp_format(now_us, s.now);
	c = given(a->date_range) ? name_parse(&s, a, v) : bounds_parse(&s, a, v);
	if (c != ERR_OK)
		return c;
	*out = s;
	return ERR_OK;
}

void range_statement(const struct range_spec *s, struct pool_statement *st)
{
	const char *const texts[] = { s->start.instant, s->start.day, s->end.instant, s->end.day };

	*st = (struct pool_statement){ .name = "query_range",
				       .nparams = 7,
				       .params = { s->zone, s->now, s->named } };
	for (int i = 0; i < 4; i++)
		st->params[3 + i] = *texts[i] ? texts[i] : NULL;
}

enum err_code range_read(struct range *out, const PGresult *r, struct violation *v)
{
	if (*PQgetvalue(r, 0, 3) == 't')
		return refuse(v, "endDate", "must be after startDate");
	if (atol(PQgetvalue(r, 0, 4)) > RANGE_MAX_DAYS)
		return refuse(v, "endDate", "must be within ten years of startDate");
	snprintf(out->before, sizeof(out->before), "%s", PQgetvalue(r, 0, 0));
	snprintf(out->start, sizeof(out->start), "%s", PQgetvalue(r, 0, 1));
	snprintf(out->end, sizeof(out->end), "%s", PQgetvalue(r, 0, 2));
	return ERR_OK;
}
