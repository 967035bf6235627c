#include "test/fuzz/judge_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge_twice(event_decode_json, (struct slice){ (const char *)data, size });
	return 0;
}
