#include "server/ingest/timestamp.h"


enum { DAY_S = 86400, LAST_SECOND_OF_DAY = DAY_S - 1 };

/* Days since 1970-01-01 in the proleptic Gregorian calendar; the year is counted from March, so that the
 * leap day is its last. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	int64_t era;
	unsigned year_of_era, day_of_year;

	y -= m <= 2;
	era = y / 400;
	year_of_era = (unsigned)(y - era * 400);
	day_of_year = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static unsigned month_days(unsigned y, unsigned m)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)) ? 29 : days[m - 1];
}

static bool number(struct slice s, size_t at, size_t n, unsigned *v)
{
	*v = 0;
	if (at + n > s.n)
		return false;
	for (; n; n--, at++) {
		if (s.p[at] < '0' || s.p[at] > '9')
			return false;
		*v = *v * 10 + (unsigned)(s.p[at] - '0');
	}
	return true;
}

/* Seconds east of UTC; at is where the offset must stand, and it must end the text. */
static bool offset(struct slice s, size_t at, int64_t *seconds)
{
	unsigned h, m;

	if (at >= s.n)
		return false;
	if ((s.p[at] | 0x20) == 'z') {
		*seconds = 0;
		return at + 1 == s.n;
	}
	if ((s.p[at] != '+' && s.p[at] != '-') || at + 6 != s.n || s.p[at + 3] != ':' ||
	    !number(s, at + 1, 2, &h) || !number(s, at + 4, 2, &m) || h > 23 || m > 59)
		return false;
	*seconds = (int64_t)h * 3600 + m * 60;
	if (s.p[at] == '-')
		*seconds = -*seconds;
	return true;
}

bool timestamp_parse(struct slice s, int64_t *us)
{
	unsigned y, mo, d, h, mi, sec, micros = 0, weight = 100000;
	int64_t east, t;
	size_t at = 19;

	if (!number(s, 0, 4, &y) || !number(s, 5, 2, &mo) || !number(s, 8, 2, &d) || !number(s, 11, 2, &h) ||
	    !number(s, 14, 2, &mi) || !number(s, 17, 2, &sec))
		return false;
	if (s.p[4] != '-' || s.p[7] != '-' || (s.p[10] | 0x20) != 't' || s.p[13] != ':' || s.p[16] != ':')
		return false;
	if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || h > 23 || mi > 59 || sec > 60)
		return false;
	if (at < s.n && s.p[at] == '.') {
		size_t from = ++at;

		for (; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, weight /= 10)
			micros += (unsigned)(s.p[at] - '0') * weight;
		if (at == from)
			return false;
	}
	if (!offset(s, at, &east))
		return false;
	t = days_of(y, mo, d) * DAY_S + h * 3600 + mi * 60 + sec - east;
	if (sec == 60 && ((t - 1) % DAY_S + DAY_S) % DAY_S != LAST_SECOND_OF_DAY)
		return false;
	if (t < days_of(1, 1, 1) * DAY_S || t >= days_of(10000, 1, 1) * DAY_S)
		return false; /* the offset took it out of the years that can be written */
	*us = t * 1000000 + micros;
	return true;
}

/* n digits of v and what follows them; every event with a time of its own comes through here. */
static char *put_digits(char *at, unsigned v, int n, char then)
{
	for (int i = n; i-- > 0; v /= 10)
		at[i] = (char)('0' + v % 10);
	at[n] = then;
	return at + n + 1;
}

void timestamp_format(int64_t us, char out[TIMESTAMP_BYTES + 1])
{
	int64_t s = us / 1000000, days, era, y;
	unsigned micros, rest, year_of_era, day_of_year, m, d;

	if (us % 1000000 < 0)
		s--;
	micros = (unsigned)(us - s * 1000000);
	days = s / DAY_S - (s % DAY_S < 0);
	rest = (unsigned)(s - days * DAY_S);
	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	d = (unsigned)(days - era * 146097);
	year_of_era = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	day_of_year = d - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	m = (5 * day_of_year + 2) / 153;
	d = day_of_year - (153 * m + 2) / 5 + 1;
	m = m < 10 ? m + 3 : m - 9;
	y = year_of_era + era * 400 + (m <= 2);
	out = put_digits(out, (unsigned)y % 10000, 4, '-');
	out = put_digits(out, m, 2, '-');
	out = put_digits(out, d, 2, 'T');
	out = put_digits(out, rest / 3600, 2, ':');
	out = put_digits(out, rest / 60 % 60, 2, ':');
	out = put_digits(out, rest % 60, 2, '.');
	out = put_digits(out, micros, 6, 'Z');
	*out = 0;
}
