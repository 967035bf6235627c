#include "server/admin/letter_ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_IDS = 1000, ID_CHARS = 21 };

static const char *array_of(struct arena *a, const int64_t *ids, size_t n)
{
	char *text = arena_alloc(a, n * ID_CHARS + 3), *at = text;

	if (!text)
		return NULL;
	*at++ = '{';
	for (size_t i = 0; i < n; i++)
		at += snprintf(at, ID_CHARS + 1, "%s%" PRId64, i ? "," : "", ids[i]);
	memcpy(at, "}", 2);
	return text;
}

static bool given(const char *s)
{
	return s && *s;
}

bool letter_choose(struct call *c, const struct letter_choice *from, struct letter_filter *to)
{
	bool filters = given(from->status) || given(from->error_code) || given(from->topic) || given(from->source) ||
		       given(from->event_type);

	if (!filters && !from->nids) {
		call_fail_field(c, "ids", "ids or at least one filter are wanted; status pending is all");
		return false;
	}
	if (filters && from->nids) {
		call_fail_field(c, "ids", "either ids or filters");
		return false;
	}
	if (from->nids > MAX_IDS) {
		call_fail_field(c, "ids", "at most 1000");
		return false;
	}
	if (given(from->status) && strcmp(from->status, "pending")) {
		call_fail_field(c, "status", "only pending letters can be retried or discarded");
		return false;
	}
	*to = (struct letter_filter){
		.error_code = given(from->error_code) ? from->error_code : NULL,
		.topic = given(from->topic) ? from->topic : NULL,
		.source = given(from->source) ? from->source : NULL,
		.event_type = given(from->event_type) ? from->event_type : NULL,
	};
	if (from->nids && !(to->ids = array_of(&c->arena, from->ids, from->nids))) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return false;
	}
	return true;
}
