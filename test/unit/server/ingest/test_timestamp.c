#include "server/ingest/timestamp.h"

#include "test/unit/server/ingest/judging.h"

#define BAD INT64_MIN

static const struct {
	const char *text;
	int64_t want;
} cases[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1969-12-31T23:59:59Z", -1000000 },
	{ "2026-11-23T18:15:00Z", NOW_US },
	{ "2026-11-23t18:15:00z", NOW_US },
	{ "2026-11-23T18:15:00+00:00", NOW_US },
	{ "2026-11-23T18:15:00-00:00", NOW_US },
	{ "2026-11-23T23:45:00+05:30", NOW_US },
	{ "2026-11-23T10:15:00-08:00", NOW_US },
	{ "2026-11-24T00:00:00+05:45", NOW_US },
	{ "2026-11-23T18:15:00.5Z", NOW_US + 500000 },
	{ "2026-11-23T18:15:00.000001Z", NOW_US + 1 },
	{ "2026-11-23T18:15:00.123456999Z", NOW_US + 123456 },
	{ "2000-02-29T00:00:00Z", 951782400000000 },
	{ "2024-02-29T00:00:00Z", 1709164800000000 },
	{ "2016-12-31T23:59:60Z", 1483228800000000 },
	{ "2017-01-01T05:29:60+05:30", 1483228800000000 },
	{ "0001-01-01T00:00:00Z", -62135596800000000 },
	{ "9999-12-31T23:59:59.999999Z", 253402300799999999 },
	{ "0001-01-01T00:00:00+00:01", BAD },
	{ "9999-12-31T23:59:59-00:01", BAD },
	{ "0000-01-01T00:00:00Z", BAD },
	{ "2016-12-31T22:59:60Z", BAD },
	{ "2026-02-29T00:00:00Z", BAD },
	{ "1900-02-29T00:00:00Z", BAD },
	{ "2026-00-10T00:00:00Z", BAD },
	{ "2026-13-10T00:00:00Z", BAD },
	{ "2026-04-31T00:00:00Z", BAD },
	{ "2026-01-00T00:00:00Z", BAD },
	{ "2026-01-01T24:00:00Z", BAD },
	{ "2026-01-01T00:60:00Z", BAD },
	{ "2026-01-01T00:00:61Z", BAD },
	{ "2026-01-01T00:00:00", BAD },
	{ "2026-01-01 00:00:00Z", BAD },
	{ "2026-01-01T00:00:00.Z", BAD },
	{ "2026-01-01T00:00:00+0100", BAD },
	{ "2026-01-01T00:00:00+01", BAD },
	{ "2026-01-01T00:00:00+24:00", BAD },
	{ "2026-01-01T00:00:00+01:60", BAD },
	{ "2026-01-01T00:00:00Zjunk", BAD },
	{ "2026-01-01", BAD },
	{ "20260101T000000Z", BAD },
	{ "+026-01-01T00:00:00Z", BAD },
	{ "yesterday-ish", BAD },
	{ "1795457700", BAD },
	{ "", BAD },
};
INDEX_PARAMETERS(timestamp, parse, cases)
ParameterizedTest(size_t *i, timestamp, parse)
{
	int64_t us = BAD;

	cr_assert_eq(timestamp_parse(slice_of(cases[*i].text), &us), cases[*i].want != BAD, "%s", cases[*i].text);
	cr_assert_eq(us, cases[*i].want, "%s: %lld", cases[*i].text, (long long)us);
}

Test(timestamp, every_day_of_four_centuries_comes_back)
{
	char text[TIMESTAMP_BYTES + 1];
	int64_t us;

	for (int64_t day = -146097; day < 146097; day++) {
		int64_t want = day * 86400000000 + 86399999999;

		timestamp_format(want, text);
		cr_assert(timestamp_parse(slice_of(text), &us), "%s", text);
		cr_assert_eq(us, want, "%s", text);
	}
}

Test(timestamp, is_written_in_utc)
{
	char text[TIMESTAMP_BYTES + 1];

	timestamp_format(NOW_US + 42, text);
	cr_assert_str_eq(text, "2026-11-23T18:15:00.000042Z");
}
