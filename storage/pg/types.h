/* storage/pg/types.h -- values in PostgreSQL's binary format, as array elements and composite attributes
 * carry them: a 32-bit length, then the bytes; -1 is NULL.
 * Each encoder writes at `at` and returns the place behind what it wrote; the caller has reserved the room
 * (see the _BYTES ceilings; text and jsonb add the bytes of the text).
 * Memory: the caller's. Threads: any. Blocking: never. Errors: none; PostgreSQL judges the values. */
#ifndef STORAGE_PG_TYPES_H
#define STORAGE_PG_TYPES_H

#include "storage/base/slice.h"

#include <stdint.h>

/* OIDs of built-in types; fixed for ever in pg_type.dat. */
enum pg_oid {
	PG_OID_BOOL = 16,
	PG_OID_INT8 = 20,
	PG_OID_TEXT = 25,
	PG_OID_TIMESTAMPTZ = 1184,
	PG_OID_NUMERIC = 1700,
	PG_OID_UUID = 2950,
	PG_OID_JSONB = 3802,
};

enum {
	PG_NUMERIC_BYTES = 4 + 8 + 2 * 6,
	PG_UUID_BYTES = 4 + 16,
	PG_TIMESTAMPTZ_BYTES = 4 + 8,
	PG_INT8_BYTES = 4 + 8,
	PG_TEXT_BYTES = 4,
	PG_JSONB_BYTES = 4 + 1,
	PG_ARRAY_HEAD_BYTES = 20,
	PG_ATTRIBUTE_BYTES = 4,   /* the attribute's type, before its value */
};

static inline char *pg_put32(char *at, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

char *pg_put_null(char *at);
char *pg_put_text(char *at, struct slice s);     /* absent: NULL */
char *pg_put_jsonb(char *at, struct slice s);    /* JSON text; absent: NULL */
char *pg_put_uuid(char *at, const uint8_t b[16]);
char *pg_put_bool(char *at, bool v);
char *pg_put_int8(char *at, int64_t v);
char *pg_put_timestamptz(char *at, int64_t us);  /* since 1970 UTC */
char *pg_put_numeric(char *at, int64_t minor, unsigned scale); /* minor / 10^scale */

/* The head of a one-dimensional array of n elements without NULLs; the elements follow. */
char *pg_put_array_head(char *at, uint32_t element_oid, uint32_t n);

#endif
