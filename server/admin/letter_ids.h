/* server/admin/letter_ids.h -- which letters a call is about: ids, or filters.
 * Memory: the call's arena. Threads: the reactor. Blocking: never. */
#ifndef SERVER_ADMIN_LETTER_IDS_H
#define SERVER_ADMIN_LETTER_IDS_H

#include "server/admin/letter_retry.h"
#include "server/wire/call.h"

/* As both requests carry them. */
struct letter_choice {
	const int64_t *ids;
	size_t nids;
	const char *status, *error_code, *topic, *source, *event_type;
};

/* False when the call was answered: neither ids nor filters, both, or a status that cannot be changed. */
bool letter_choose(struct call *c, const struct letter_choice *from, struct letter_filter *to);

#endif
