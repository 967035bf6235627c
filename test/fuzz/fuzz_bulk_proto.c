#include "server/dapr/topic_event.h"
#include "server/ingest/wire.h"
#include "test/fuzz/judge_twice.h"

static void judge_entry(struct slice wire, struct slice topic)
{
	struct topic_event e = { .topic = topic };
	struct slice id = { NULL, 0 }, bytes = { NULL, 0 };
	struct buf text;

	if (!topic_entry_read(wire, &id, &e, &bytes) || bytes.p) {
		judge_twice(event_decode_json, bytes.p ? bytes : wire);
		return;
	}
	buf_init(&text, 1 << 20);
	topic_event_print(&e, &text);
	if (!text.failed)
		judge_twice(event_decode_json, (struct slice){ text.p, text.n });
	buf_reset(&text);
}

/* The bus's bulk request over gRPC. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice request = { (const char *)data, size };
	struct topic_bulk b = { .n = 0 };
	struct wire w = wire_of(request);
	struct wire_field f;
	uint32_t n = 0;

	if (!topic_bulk_read(request, &b))
		return 0;
	while (wire_next(&w, &f))
		if (f.number == 2 && ++n)
			judge_entry(f.bytes, b.topic);
	assert(n == b.n);
	return 0;
}
