#include "server/ingest/envelope.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

/* traceparent: nothing, or 32 lower-case hex digits of it that are not all 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* of this size, so that reading behind it is seen */
	bool zero = true;
	struct slice id;

	assert(copy);
	memcpy(copy, data, size);
	id = event_trace((struct slice){ copy, size });
	for (size_t i = 0; i < id.n; i++) {
		assert(isdigit((unsigned char)id.p[i]) || (id.p[i] >= 'a' && id.p[i] <= 'f'));
		zero = zero && id.p[i] == '0';
	}
	assert(!id.p || (id.n == 32 && id.p == copy + 3 && size >= 55 && !zero && copy[2] == '-'));
	free(copy);
	return 0;
}
