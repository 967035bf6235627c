#include "server/http/bulk_entry.h"
#include "server/http/json_walk.h"
#include "test/fuzz/judge_twice.h"

/* The bus's bulk body over HTTP: as many events as there are entries, whatever is in them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = { (const char *)data, size }, entry, id, event;
	bool whole;
	struct slice entries = bulk_entries(body, &whole);
	struct json_walk w;

	if (!whole)
		return 0;
	assert(entries.p >= body.p && entries.p + entries.n <= body.p + size);
	for (json_walk_begin(&w, entries, '['); json_walk_next(&w, NULL, &entry);) {
		struct arena a;

		arena_init(&a, 16 << 20);
		event = bulk_entry_event(&a, entry, &id);
		assert(event.p && (id.p || !id.n));
		assert(!id.n || json_utf8_valid(id));
		judge_twice(event_decode_json, event);
		arena_reset(&a);
	}
	assert(!w.broken);
	return 0;
}
