#include "server/ingest/reject.h"

#include "test/unit/server/ingest/judging.h"

#define HASH_CHARS 64

static struct dead_letter rejected(struct judged *j, const char *event, enum reject_code code)
{
	*j = judge_text(event);
	cr_assert_not(j->stored);
	cr_assert_eq(j->rej.code, code, "%s %s", reject_name(j->rej.code), j->rej.field);
	return letter_of(j);
}

Test(letter, of_a_readable_event_is_the_event_again)
{
	struct judged j, again;
	struct dead_letter l = rejected(&j,
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"shop\",\"type\":\"loyalty.points\",\"topic\":\"orders\","
		"\"time\":\"2026-11-23T12:34:56.789Z\",\"traceparent\":\"00-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01\","
		"\"sequence\":\"7\",\"data\":{\"points\":1.50,\"phone\":\"+1555\",\"name\":\"Jane\",\"ip\":\"203.0.113.77\","
		"\"shipping_address\":{\"street\":\"A 1\",\"country\":\"DE\",\"postal_code\":\"10115\",\"city\":\"B\"},\"x\":null}}",
		REJECT_UNKNOWN_EVENT_TYPE);

	const char *want =
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"shop\",\"type\":\"loyalty.points\","
		"\"time\":\"2026-11-23T12:34:56.789Z\",\"topic\":\"orders\","
		"\"traceparent\":\"00-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01\",\"sequence\":\"7\","
		"\"data\":{\"points\":1.50,\"name\":\"J***\",\"ip\":\"203.0.113.0\","
		"\"shipping_address\":{\"country\":\"DE\",\"postal_code\":\"101\"},\"x\":null}";

	cr_assert_eq(strncmp(str(l.payload), want, strlen(want)), 0, "%s", str(l.payload));
	cr_assert(event_letter_whole(l.error_code, l.payload));
	cr_assert_str_eq(str(l.event_id), "1");
	cr_assert_str_eq(str(l.event_type), "loyalty.points");
	cr_assert_str_eq(str(l.topic), "orders");
	cr_assert_str_eq(str(l.source), "shop");
	cr_assert_str_eq(str(l.trace_id), "1a6ff51162e80f1a27081ed216077bd4");
	cr_assert_str_eq(str(l.error_code), "UNKNOWN_EVENT_TYPE");
	cr_assert_str_eq(str(l.error_field), "type");
	cr_assert(l.error_message.n > 0);
	cr_assert_eq(l.received_at_us, NOW_US);
	again = judge_slice(l.payload); /* what is kept can be judged again, and is the same letter then */
	cr_assert_eq(again.rej.code, REJECT_UNKNOWN_EVENT_TYPE);
	cr_assert_eq(memcmp(letter_of(&again).key.b, l.key.b, 16), 0);
	cr_assert(slice_eq(letter_of(&again).payload, l.payload), "%s", str(letter_of(&again).payload));
	judged_free(&again);
	judged_free(&j);
}

Test(letter, topic_is_the_known_one_even_when_the_bus_names_none)
{
	struct judged j;
	struct dead_letter l = rejected(&j, "{\"id\":\"1\",\"source\":\"s\",\"type\":\"product.viewed\",\"data\":{\"x\":1}}",
					REJECT_MISSING_FIELD);

	cr_assert_str_eq(str(l.topic), "product.viewed");
	cr_assert_str_eq(str(l.error_code), "MISSING_FIELD");
	cr_assert_str_eq(str(l.error_field), "data.product_id");
	judged_free(&j);
}

Test(letter, a_rejected_identity_is_one_letter_whatever_its_content)
{
	struct judged a, b, c;
	struct dead_letter x = rejected(&a, "{\"id\":\"1\",\"source\":\"s\",\"type\":\"product.viewed\",\"data\":{\"x\":1}}",
					REJECT_MISSING_FIELD);
	struct dead_letter y = rejected(&b, "{\"id\":\"9\",\"source\":\"s\",\"type\":\"nonsense\","
					"\"data\":{\"event_id\":\"1\"}}",
					REJECT_UNKNOWN_EVENT_TYPE);
	struct dead_letter z = rejected(&c, "{\"id\":\"1\",\"source\":\"t\",\"type\":\"product.viewed\",\"data\":{\"x\":1}}",
					REJECT_MISSING_FIELD);

	cr_assert_eq(memcmp(x.key.b, y.key.b, 16), 0);
	cr_assert_neq(memcmp(x.key.b, z.key.b, 16), 0);
	judged_free(&a);
	judged_free(&b);
	judged_free(&c);
}

#define BASE64_EVENT(data) "{\"id\":\"1\",\"source\":\"s\",\"type\":\"product.viewed\",\"data_base64\":\"" data
#define MAIL_IN_BASE64 "eyJtYWlsIjoiamFuZUBleGFtcGxlLmNvbSI" /* {"mail":"jane@example.com" */

/* What stands in base64 can be read by anybody, but not searched for personal data. */
static const struct {
	const char *why, *event;
} in_base64[] = {
	{ "broken JSON", BASE64_EVENT(MAIL_IN_BASE64 "=\"}") },
	{ "another text", BASE64_EVENT("amFuZUBleGFtcGxlLmNvbSBib3VnaHQ=\"}") },
	{ "not quite base64", BASE64_EVENT(MAIL_IN_BASE64 "!\"}") },
	{ "an event cut short", BASE64_EVENT(MAIL_IN_BASE64) },
	{ "an event inside of a string", "\"{\\\"data_base64\\\": \\\"" MAIL_IN_BASE64 "\\\"}\"" },
};
INDEX_PARAMETERS(letter, keeps_nothing_in_base64, in_base64)
ParameterizedTest(size_t *i, letter, keeps_nothing_in_base64)
{
	struct judged j;
	struct dead_letter l = rejected(&j, in_base64[*i].event, REJECT_MALFORMED_JSON);

	cr_expect_not(slice_has(l.payload, "amFuZUBle") || slice_has(l.payload, "jane@") ||
		      slice_has(l.payload, "eyJtYWls"), "%s: %s", in_base64[*i].why, str(l.payload));
	if (*i < 3)
		cr_expect_str_eq(str(l.topic), "product.viewed");
	judged_free(&j);
}

Test(letter, of_a_large_event_keeps_nothing_in_base64)
{
	static const char head[] = BASE64_EVENT("");
	size_t n = EVENT_MAX_BYTES + 100, at = sizeof(head) - 1;
	char *event = kept(n + 1);
	struct dead_letter l;
	struct judged j;

	memcpy(event, head, at);
	for (; at + 3 < n; at++)
		event[at] = MAIL_IN_BASE64[at % (sizeof(MAIL_IN_BASE64) - 1)];
	memcpy(event + at, "\"}", 3);
	l = rejected(&j, event, REJECT_TOO_LARGE);
	cr_expect_not(slice_has(l.payload, "eyJtYWls"));
	cr_expect_str_eq(str(l.event_id), "1");
	judged_free(&j);
}

Test(letter, of_broken_json_in_base64_is_that_json)
{
	struct judged j;
	struct dead_letter l = rejected(&j, in_base64[0].event, REJECT_MALFORMED_JSON);

	cr_expect(slice_has(l.payload, "{\"mail\":\""), "%s", str(l.payload));
	cr_expect(slice_has(l.payload, "@example.com"), "%s", str(l.payload));
	judged_free(&j);
}

Test(letter, unreadable_bytes_are_known_by_their_keyed_hash)
{
	struct judged a, b, c;
	struct dead_letter x = rejected(&a, "{\"id\":\"1\",", REJECT_MALFORMED_JSON);
	struct dead_letter y = rejected(&b, "{\"id\":\"1\",", REJECT_MALFORMED_JSON);
	struct dead_letter z = rejected(&c, "{\"id\":\"2\",", REJECT_MALFORMED_JSON);
	struct pii_key other = { SLICE("k2"), SLICE("another secret, of 32 bytes too!!") };
	struct event_rules rules = judging_rules();
	struct dead_letter rekeyed;

	cr_assert_eq(memcmp(x.key.b, y.key.b, 16), 0);
	cr_assert_neq(memcmp(x.key.b, z.key.b, 16), 0);
	cr_assert_str_eq(str(x.topic), "/events/test");
	cr_assert_null(x.event_id.p);
	rules.key = &other;
	cr_assert(event_letter(&a.arena, &a.in, &rules, &a.rej, &rekeyed));
	cr_assert_neq(memcmp(x.key.b, rekeyed.key.b, 16), 0);
	judged_free(&a);
	judged_free(&b);
	judged_free(&c);
}

static const struct {
	const char *bytes;
	size_t n; /* 0: to the terminator */
	const char *gone[4];
} broken[] = {
	{ "{\"email\":\"jane@example.com\",\"page_url\":", 0, { "jane" } },
	{ "{\"email\":\"jane@example.c", 0, { "jane" } },
	{ "{\"customer_name\":\"Jane Roe", 0, { "ane", "Roe" } },
	{ "{\"customer_name\":\"Jane \"Canary\" Roe\",", 0, { "ane", "Roe", "Canary" } },
	{ "{customer_name: Jane Roe, x", 0, { "ane", "Roe" } },
	{ "{'customer_name': 'Jane Roe', x", 0, { "ane", "Roe" } },
	{ "{\"customer\\u005fname\":\"Jane Roe\",", 0, { "ane", "Roe" } },
	{ "{\"name\":\"Jane Roe\",", 0, { "ane", "Roe" } },
	{ "{\"phone\":\"+1555\\u0030107\",", 0, { "555", "107" } },
	{ "{\"phone\":15550107,\"x\":", 0, { "555" } },
	{ "{\"x\":\"jane\\u0040example.com\",", 0, { "jane" } },
	{ "{\"x\":\"jane\\u0000roe@example.com\",", 0, { "jane", "roe" } },
	{ "{\"x\":\"ja\0ne@exa\0mple.com\",", 26, { "ja", "ne@" } },
	{ "{\"x\":\"jane\xff@example.com\",", 0, { "jane" } },
	{ "{\"x\":\"Mozilla\\/5.0 (X11)\",", 0, { "Mozilla", "X11" } },
	{ "{\"user_agent\":\"Secret Agent\",", 0, { "Secret" } },
	{ "{\"x\":\"203.0.113.77\",", 0, { ".77" } },
	{ "{\"x\":203.0.113.77,", 0, { ".77" } },
	{ "{\"address\":{\"street\":\"Elm 5\",\"city\":\"X\"},", 0, { "Elm" } },
	{ "{\"billing_address\":{\"line\":\"Elm 5\"", 0, { "Elm" } },
	{ "{\"data\":\"{\\\"first_name\\\":\\\"Jane\\\"}\",", 0, { "ane" } },
	{ "jane@example.com", 0, { "jane" } },
	{ "\xff\xfe\x00\x01", 4, { "\x01" } },
};
INDEX_PARAMETERS(letter, broken_bytes, broken)
ParameterizedTest(size_t *i, letter, broken_bytes)
{
	size_t n = broken[*i].n ? broken[*i].n : strlen(broken[*i].bytes);
	struct judged j = judge_slice((struct slice){ broken[*i].bytes, n });
	struct dead_letter l;

	cr_assert_eq(j.rej.code, REJECT_MALFORMED_JSON);
	l = letter_of(&j);
	cr_assert(json_utf8_valid(l.payload));
	for (int k = 0; k < 4 && broken[*i].gone[k]; k++)
		cr_assert_not(slice_has(l.payload, broken[*i].gone[k]), "%s in %s", broken[*i].gone[k], str(l.payload));
	judged_free(&j);
}

Test(letter, keeps_at_most_64_kib_and_no_half_address)
{
	const char *address = "jane.canary@example.com ";
	size_t unit = strlen(address), n = 100000 / unit * unit;
	char *text = malloc(n);
	struct judged j;
	struct dead_letter l;

	for (size_t shift = 0; shift < unit; shift++) {
		memset(text, 'x', shift);
		for (size_t at = shift; at < n; at++)
			text[at] = address[(at - shift) % unit];
		j = judge_slice((struct slice){ text, n });
		l = letter_of(&j);
		cr_assert_leq(l.payload.n, 65536);
		cr_assert_geq(l.payload.n, 60000);
		cr_assert_not(slice_has(l.payload, "jane"));
		judged_free(&j);
	}
	free(text);
}

Test(letter, a_full_arena_is_told)
{
	struct judged j = judge_text("{\"id\":\"1\",\"source\":\"s\",\"type\":\"x\","
				     "\"data\":{\"email\":\"jane@example.com\"}}");
	struct event_rules rules = judging_rules();
	struct dead_letter l;
	bool ok = false;

	for (size_t limit = 0; limit < 8192; limit += 64) {
		struct arena a;

		arena_init(&a, limit);
		ok = event_letter(&a, &j.in, &rules, &j.rej, &l);
		cr_assert(!ok || (l.payload.p && l.event_id.p));
		arena_reset(&a);
	}
	cr_assert(ok);
	judged_free(&j);
}
