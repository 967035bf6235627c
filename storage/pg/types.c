#include "storage/pg/types.h"

enum { NUMERIC_POSITIVE = 0x0000, NUMERIC_NEGATIVE = 0x4000, NUMERIC_GROUP = 10000, NUMERIC_MAX_GROUPS = 6 };

static const int64_t unix_to_pg_us = INT64_C(946684800) * 1000000; /* 1970 to 2000, PostgreSQL's epoch */

static char *put16(char *at, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

char *pg_put_null(char *at)
{
	return pg_put32(at, UINT32_MAX);
}

char *pg_put_text(char *at, struct slice s)
{
	if (!s.p)
		return pg_put_null(at);
	at = pg_put32(at, (uint32_t)s.n);
	memcpy(at, s.p, s.n);
	return at + s.n;
}

char *pg_put_jsonb(char *at, struct slice s)
{
	if (!s.p)
		return pg_put_null(at);
	at = pg_put32(at, (uint32_t)s.n + 1);
	*at++ = 1; /* the format's version */
	memcpy(at, s.p, s.n);
	return at + s.n;
}

char *pg_put_uuid(char *at, const uint8_t b[16])
{
	at = pg_put32(at, 16);
	memcpy(at, b, 16);
	return at + 16;
}

char *pg_put_bool(char *at, bool v)
{
	at = pg_put32(at, 1);
	*at++ = v;
	return at;
}

char *pg_put_int8(char *at, int64_t v)
{
	uint64_t bits = __builtin_bswap64((uint64_t)v);

	at = pg_put32(at, 8);
	memcpy(at, &bits, sizeof(bits));
	return at + sizeof(bits);
}

char *pg_put_timestamptz(char *at, int64_t us)
{
	/* Far before year 0: saturate, and PostgreSQL refuses the value. */
	if (__builtin_sub_overflow(us, unix_to_pg_us, &us))
		us = INT64_MIN + 1;
	return pg_put_int8(at, us);
}

char *pg_put_numeric(char *at, int64_t minor, unsigned scale)
{
	/* Digits come in groups of four on either side of the point, so the scale is rounded up to four. */
	unsigned pad = (4 - scale % 4) % 4, n = 0, skip = 0;
	unsigned __int128 v = minor < 0 ? -(unsigned __int128)minor : (unsigned __int128)minor;
	uint16_t groups[NUMERIC_MAX_GROUPS]; /* least significant first */
	int weight;

	for (unsigned i = 0; i < pad; i++)
		v *= 10;
	for (; v; v /= NUMERIC_GROUP)
		groups[n++] = (uint16_t)(v % NUMERIC_GROUP);
	weight = (int)n - 1 - (int)((scale + pad) / 4);
	while (skip < n && !groups[skip])
		skip++;
	at = pg_put32(at, 8 + 2 * (n - skip));
	at = put16(at, (uint16_t)(n - skip));
	at = put16(at, (uint16_t)(n ? weight : 0));
	at = put16(at, minor < 0 ? NUMERIC_NEGATIVE : NUMERIC_POSITIVE);
	at = put16(at, (uint16_t)scale);
	while (n > skip)
		at = put16(at, groups[--n]);
	return at;
}

char *pg_put_array_head(char *at, uint32_t element_oid, uint32_t n)
{
	at = pg_put32(at, n ? 1 : 0); /* dimensions */
	at = pg_put32(at, 0);         /* no NULLs */
	at = pg_put32(at, element_oid);
	if (!n)
		return at;
	at = pg_put32(at, n);
	return pg_put32(at, 1);       /* first subscript */
}
