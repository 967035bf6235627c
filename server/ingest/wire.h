/* server/ingest/wire.h -- protobuf's wire format read by hand: an event is a handful of length-delimited
 * fields, and unpacking it into messages would copy its data and trust its nesting.
 * Memory: slices of the message. Threads: any. Blocking: never. Source: protobuf.dev, "Encoding". */
#ifndef SERVER_INGEST_WIRE_H
#define SERVER_INGEST_WIRE_H

#include "storage/base/slice.h"

#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire {
	const char *p, *end;
	bool bad;            /* the bytes are no message */
};

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;      /* varint */
	struct slice bytes;  /* every other type */
};

struct wire wire_of(struct slice message);
/* False at the end or when w->bad is set. */
bool wire_next(struct wire *w, struct wire_field *f);

#endif
