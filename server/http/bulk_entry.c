#include "server/http/bulk_entry.h"

#include "server/http/json_walk.h"
#include "server/ingest/reject.h"
#include "storage/base/base64.h"
#include "storage/base/json.h"

struct slice bulk_entries(struct slice body, bool *whole)
{
	struct slice entries = json_walk_find(body, SLICE("\"entries\""));

	*whole = entries.p && json_walk_whole(entries);
	return entries;
}

/* The text of a JSON string; p == NULL when it is none. */
static struct slice text_of(struct arena *a, struct slice token)
{
	const char *why;
	const struct json *j = token.n && *token.p == '"' ? json_parse(a, token, &why) : NULL;

	return j && j->type == JSON_STRING ? j->text : (struct slice){ 0 };
}

struct slice bulk_entry_event(struct arena *a, struct slice entry, struct slice *id)
{
	struct slice event = json_walk_find(entry, SLICE("\"event\"")), text, bytes;

	text = text_of(a, json_walk_find(entry, SLICE("\"entryId\"")));
	*id = (struct slice){ arena_strndup(a, text.n ? text.p : "", text.n), text.n };
	if (!id->p)
		id->n = 0;
	if (!event.p)
		return entry;
	if (*event.p != '"' || event.n > 2 * EVENT_MAX_BYTES)
		return event;
	text = text_of(a, event);
	bytes = text.p ? base64_read(a, text) : text;
	return bytes.p ? bytes : text.p ? text : event;
}
