/* server/ingest/money.h -- exact decimals from the text of JSON numbers, and ISO 4217.
 * Memory: none. Threads: any. Blocking: never. */
#ifndef SERVER_INGEST_MONEY_H
#define SERVER_INGEST_MONEY_H

#include "storage/base/slice.h"

#include <stdint.h>

#define MONEY_MAX_MINOR 1000000000000000 /* 1e15 minor units */

struct currency {
	char code[4];
	uint8_t digits; /* of the minor unit */
};

const struct currency *currency_find(struct slice code); /* NULL: not an active code (lower case is none) */

enum decimal_verdict {
	DECIMAL_EXACT,
	DECIMAL_ROUNDED,  /* digits beyond `scale` were dropped, half up */
	DECIMAL_NEGATIVE, /* less than zero, however little; zero with a sign is exact */
	DECIMAL_RANGE     /* more than max */
};

/* text (a JSON number, exponents included) times 10^scale, in *v on the first two verdicts. Time is linear
 * in the text, whatever its exponent. */
enum decimal_verdict decimal_parse(struct slice text, unsigned scale, int64_t max, int64_t *v);

#endif
