#include "server/ingest/pii.h"

#include <assert.h>

/* The word (between blanks) at *at; *at moves behind it. */
static struct slice next_word(struct slice s, size_t *at)
{
	size_t from = *at, n = 0;

	while (from + n < s.n && s.p[from + n] != ' ')
		n++;
	*at = from + n + 1;
	return (struct slice){ s.p + from, n };
}

/* The first word of s that is nothing but an address, and not masked yet; p NULL: none. */
static struct slice bare_address(struct slice s)
{
	char net[IP_TEXT_BYTES];

	for (size_t at = 0; at < s.n;) {
		struct slice w = next_word(s, &at);

		if (w.n && ip_at(w, net) == w.n && !slice_is(w, net))
			return w;
	}
	return (struct slice){ NULL, 0 };
}

/* Any bytes: text in, text out, and an address that stands alone is gone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pii_key key = { { "k", 1 }, { "a secret of the fuzzers, 32 bytes", 33 } };
	struct slice text = { (const char *)data, size }, out, address = bare_address(text);
	struct pii p = { .key = &key, .mask_name = size & 1 };
	struct arena a;

	arena_init(&a, 64 << 20);
	p.a = &a;
	out = pii_scrub(&p, text);
	assert(p.failed || !json_utf8_valid(text) || json_utf8_valid(out));
	for (size_t at = 0; address.p && !p.failed && at < out.n;)
		assert(!slice_eq(next_word(out, &at), address));
	pii_scrub_id(&p, text);
	pii_ip(&p, text);
	pii_email(&p, text);
	pii_kind_of(text, true);
	arena_reset(&a);
	return 0;
}
