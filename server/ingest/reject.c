#include "server/ingest/reject.h"

#include <stdio.h>

const char *reject_name(enum reject_code c)
{
	static const char *const names[REJECT_CODES] = {
		[REJECT_NONE] = "",
#define X(n) [REJECT_##n] = #n,
		REJECT_TABLE(X)
#undef X
	};

	return c == REJECT_MISSING_ENVELOPE_FIELD ? names[REJECT_MISSING_FIELD] : names[c];
}

bool reject(struct rejection *rej, enum reject_code code, const char *field, const char *message)
{
	size_t n = strlen(field), room = sizeof(rej->field) - 1;

	if (n > room)
		for (n = room; n && ((unsigned char)field[n] & 0xc0) == 0x80; n--)
			;
	rej->code = code;
	memcpy(rej->field, field, n);
	rej->field[n] = 0;
	snprintf(rej->message, sizeof(rej->message), "%s", message);
	return false;
}

bool reject_memory(struct rejection *rej)
{
	return reject(rej, REJECT_TOO_LARGE, "", "the event needs more memory than one event may use");
}
