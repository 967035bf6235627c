#include "test/fuzz/judge_twice.h"

/* The walk over a PublishEventsRequest: events lie inside of it, one behind the other. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice request = { (const char *)data, size }, event;
	const char *behind = request.p;
	bool bad = false;
	size_t at = 0;

	while (event_next_proto(request, &at, &event, &bad)) {
		assert(!bad && event.p > behind && event.p + event.n <= request.p + size && at <= size);
		behind = event.p + event.n;
		judge_twice(event_decode_proto, event);
	}
	assert(bad || at <= size);
	return 0;
}
