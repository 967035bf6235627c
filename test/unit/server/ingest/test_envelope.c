#include "test/unit/server/ingest/judging.h"

#include "server/ingest/envelope.h"

#include <xxhash.h>

static struct event_key key_of(const char *source, const char *id)
{
	struct arena a;
	struct event_key k;

	arena_init(&a, 1 << 16);
	cr_assert(event_key_make(&a, slice_of(source), slice_of(id), &k));
	arena_reset(&a);
	return k;
}

static const struct {
	const char *one, *other;
	unsigned alike; /* bytes that the keys begin with */
} pairs[] = {
	{ "order-000017000", "order-000017999", 4 },                                           /* counters */
	{ "order-000017999", "order-000018000", 2 },
	{ "01JDWA3Z5KQ4T6Y8M0N2P4R6S8", "01JDWA3Z7B1V3X5Z7A9C1E3G5J", 2 },                     /* ULID, a second */
	{ "0193782b-5c11-7d3a-9f00-5a1b2c3d4e5f", "0193782b-9a7e-7001-8abc-d4e5f6a7b8c9", 2 }, /* UUIDv7, a minute */
	{ "6fa459ea-ee8a-4ca4-894e-db77e160355e", "16fd2706-8baf-433b-82eb-8c7fada847da", 0 }, /* UUIDv4 */
	{ "a", "b", 0 },
	{ "", "abc", 0 },
};
INDEX_PARAMETERS(envelope, keys_of_neighbours_begin_alike, pairs)
ParameterizedTest(size_t *i, envelope, keys_of_neighbours_begin_alike)
{
	struct event_key one = key_of("shop", pairs[*i].one), other = key_of("shop", pairs[*i].other);
	unsigned alike = memcmp(one.b, other.b, 2) == 0 ? 2 : 0;

	if (alike && memcmp(one.b + 2, other.b + 2, 2) == 0)
		alike = 4;
	cr_expect_neq(memcmp(one.b + 4, other.b + 4, 12), 0);
	cr_expect_eq(alike, pairs[*i].alike, "%s %s: %u", pairs[*i].one, pairs[*i].other, alike);
}

Test(envelope, a_key_ends_in_the_hash_of_source_and_identity)
{
	static const char whole[] = "shop\0order-000017000";
	struct event_key k = key_of("shop", "order-000017000"), other = key_of("sho", "order-000017000");
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(whole, sizeof(whole) - 1));
	cr_expect_arr_eq(k.b + 4, c.digest + 4, 12);
	cr_expect_neq(memcmp(k.b, other.b, 2), 0);
	cr_expect_neq(memcmp(k.b + 4, other.b + 4, 12), 0);
}
