#include "server/ingest/envelope.h"

#include <xxhash.h>

enum { TRACEPARENT_BYTES = 55, KEY_BEGIN_BYTES = 8, KEY_END_BYTES = 3 };

struct slice event_identity(const struct event_in *in)
{
	const struct json *id = json_get(in->data, "event_id");

	if (id && (id->type == JSON_STRING || id->type == JSON_NUMBER) && id->text.n)
		return id->text;
	if (in->id.n)
		return in->id;
	return (struct slice){ NULL, 0 };
}

static void put_hash16(uint8_t to[2], const char *p, size_t n)
{
	XXH64_hash_t h = XXH3_64bits(p, n);

	to[0] = (uint8_t)(h >> 8);
	to[1] = (uint8_t)h;
}

bool event_key_make(struct arena *a, struct slice source, struct slice identity, struct event_key *key)
{
	size_t begin = identity.n < KEY_BEGIN_BYTES ? identity.n : KEY_BEGIN_BYTES;
	size_t most = identity.n < KEY_END_BYTES ? 0 : identity.n - KEY_END_BYTES;
	char *whole = arena_alloc(a, source.n + 1 + identity.n);
	XXH128_canonical_t c;

	if (!whole)
		return false;
	memcpy(whole, source.p, source.n);
	whole[source.n] = 0;
	memcpy(whole + source.n + 1, identity.p, identity.n);
	XXH128_canonicalFromHash(&c, XXH3_128bits(whole, source.n + 1 + identity.n));
	memcpy(key->b, c.digest, sizeof(key->b));
	put_hash16(key->b, whole, source.n + 1 + begin);
	put_hash16(key->b + 2, whole, source.n + 1 + most);
	return true;
}

struct slice event_topic_name(const struct event_in *in)
{
	static const struct slice dlq = { "dlq.analytics.", 14 };
	struct slice topic = in->topic;

	if (!slice_is(in->type, "com.dapr.event.sent"))
		return in->type;
	if (topic.n > dlq.n && memcmp(topic.p, dlq.p, dlq.n) == 0)
		topic = (struct slice){ topic.p + dlq.n, topic.n - dlq.n };
	return topic;
}

/* n lower-case hex digits that are not all '0' (unless zero is allowed). */
static bool hex_digits(const char *p, size_t n, bool zero)
{
	for (size_t i = 0; i < n; i++) {
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return false;
		zero |= p[i] != '0';
	}
	return zero;
}

struct slice event_trace(struct slice t)
{
	struct slice none = { NULL, 0 };

	if (t.n < TRACEPARENT_BYTES || t.p[2] != '-' || t.p[35] != '-' || t.p[52] != '-' ||
	    !hex_digits(t.p, 2, true) || !hex_digits(t.p + 3, 32, false) || !hex_digits(t.p + 36, 16, false) ||
	    !hex_digits(t.p + 53, 2, true) || memcmp(t.p, "ff", 2) == 0)
		return none;
	if (t.n > TRACEPARENT_BYTES && (memcmp(t.p, "00", 2) == 0 || t.p[TRACEPARENT_BYTES] != '-'))
		return none;
	return (struct slice){ t.p + 3, 32 };
}
