#include "server/ingest/anonymize.h"
#include "server/ingest/envelope.h"
#include "server/ingest/reject.h"

#include <stdio.h>

/* A whole event is kept whole, or it could not be judged again. */
enum { PAYLOAD_BYTES = 64 * 1024, WHOLE_BYTES = 2 << 20, CUT_BACK_BYTES = 1024, NAME_BYTES = 200 };

static const char whole_mark[] = ",\"anonymized\":\"whole\"}", altered_mark[] = ",\"anonymized\":\"altered\"}";

/* At most n bytes, cut at a character. */
static struct slice cut(struct slice s, size_t n)
{
	if (s.n <= n)
		return s;
	while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct slice){ s.p, n };
}

/* The stretch of broken bytes to keep: what the end would cut in two is left out, for half an address is
 * not recognized as one. */
static struct slice window(struct slice raw)
{
	size_t n = PAYLOAD_BYTES, least = PAYLOAD_BYTES - CUT_BACK_BYTES;

	if (raw.n <= PAYLOAD_BYTES)
		return raw;
	while (n > least && !memchr("\"{}[], \n", raw.p[n - 1], 8))
		n--;
	return (struct slice){ raw.p, n };
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character of the \uXXXX at p, or -1. */
static int escaped_char(const char *p, size_t left)
{
	int c = 0;

	if (left < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int d = hex_digit(p[i]);

		if (d < 0)
			return -1;
		c = c << 4 | d;
	}
	return c;
}

static void put_char(struct text *t, int c)
{
	if (c < 0x20)
		return; /* NUL and the like would only split what belongs together */
	if (c < 0x80)
		text_putc(t, (char)c);
	else if (c < 0x800)
		text_put(t, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) }, 2);
	else
		text_put(t, (char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
				      (char)(0x80 | (c & 0x3f)) }, 3);
}

static size_t char_length(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (json_utf8_valid((struct slice){ p, n }))
			return n;
	return 0;
}

/* Broken bytes as text: valid UTF-8 without NUL and control characters, and without the escapes behind
 * which an address could hide. */
static struct slice readable(struct arena *a, struct slice raw, bool *failed)
{
	struct text t;
	size_t i = 0;

	text_init(&t, a, raw.n);
	while (i < raw.n) {
		unsigned char b = (unsigned char)raw.p[i];
		int c = b == '\\' ? escaped_char(raw.p + i, raw.n - i) : -1;
		size_t n;

		if (c >= 0 && c != '"' && c != '\\' && (c < 0xd800 || c > 0xdfff)) {
			put_char(&t, c);
			i += 6;
		} else if (b == '\\' && i + 1 < raw.n && raw.p[i + 1] == '/') {
			i++;
		} else if (b < 0x20 && b != '\n' && b != '\t') {
			i++;
		} else if (b < 0x80) {
			text_putc(&t, (char)b);
			i++;
		} else {
			n = char_length(raw.p + i, raw.n - i);
			if (n)
				text_put(&t, raw.p + i, n);
			else
				text_puts(&t, "\xef\xbf\xbd");
			i += n ? n : 1;
		}
	}
	*failed |= t.failed;
	return text_done(&t);
}

static bool base64_char(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("+/=-_", c));
}

/* The text without what stands in base64 under data_base64: no search for personal data sees through it. */
static struct slice without_base64(struct arena *a, struct slice s, bool *failed)
{
	static const struct slice name = { "data_base64", 11 };
	const char *p = s.p, *end = s.p + s.n, *hit;
	struct text t;

	if (!memmem(s.p, s.n, name.p, name.n))
		return s;
	text_init(&t, a, s.n);
	while ((hit = memmem(p, (size_t)(end - p), name.p, name.n))) {
		const char *value = hit + name.n;

		while (value < end && strchr("\\\"': =\t\n", *value))
			value++;
		text_put(&t, p, (size_t)(value - p));
		for (p = value; p < end && base64_char(*p);)
			p++;
	}
	text_put(&t, p, (size_t)(end - p));
	*failed |= t.failed;
	return text_done(&t);
}

static void put_attribute(struct pii *p, struct text *t, const char *name, struct slice s)
{
	if (!s.n)
		return;
	anonymize_key(t, slice_of(name));
	text_json(t, pii_scrub(p, s));
}

/* The event again, as a CloudEvent in JSON, whichever way it came: so it can be judged once more. Marked at its
 * end as whole, or as altered when content that counts was replaced.
 * unsure: names were masked that may be none of a person's. */
static struct slice event_again(struct pii *p, const struct event_in *in, bool unsure)
{
	struct text t;

	text_init(&t, p->a, 1024);
	text_putc(&t, '{');
	put_attribute(p, &t, "specversion", in->spec_version);
	if (in->id.n) {
		anonymize_key(&t, SLICE("id"));
		text_json(&t, pii_scrub_id(p, in->id));
	}
	put_attribute(p, &t, "source", in->source);
	put_attribute(p, &t, "type", in->type);
	put_attribute(p, &t, "time", in->time);
	put_attribute(p, &t, "topic", in->topic);
	if (event_trace(in->traceparent).p)
		put_attribute(p, &t, "traceparent", in->traceparent);
	put_attribute(p, &t, "sequence", in->sequence);
	if (in->data && !(in->bad_field && strcmp(in->bad_field, "data") == 0)) {
		anonymize_key(&t, SLICE("data"));
		anonymize_value(p, &t, in->data);
	}
	if (in->bad_field) {
		anonymize_key(&t, slice_of(in->bad_field));
		text_puts(&t, "false");
	}
	if (t.n == 1)
		text_puts(&t, "\"specversion\":null");
	if (p->hashed) {
		anonymize_key(&t, SLICE("anonymizedkey"));
		text_json(&t, p->key->id);
	}
	text_puts(&t, p->altered || unsure ? altered_mark : whole_mark);
	p->failed |= t.failed;
	return text_done(&t);
}

static bool ends_in(struct slice s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n >= n && memcmp(s.p + s.n - n, tail, n) == 0;
}

bool event_letter_whole(struct slice code, struct slice payload)
{
	return !slice_is(code, reject_name(REJECT_MALFORMED_JSON)) && !slice_is(code, reject_name(REJECT_TOO_LARGE)) &&
	       (ends_in(payload, whole_mark) || ends_in(payload, altered_mark));
}

/* What is kept of an event that could not be read. */
static struct slice rest_of(struct pii *p, const struct event_in *in)
{
	struct event_in envelope = *in;

	if (!in->opaque)
		return pii_scrub(p, without_base64(p->a, readable(p->a, window(in->raw), &p->failed), &p->failed));
	envelope.data = NULL;
	return event_again(p, &envelope, false);
}

static bool letter_key(struct pii *p, const struct event_in *in, struct slice identity, struct event_key *key)
{
	struct slice hash;

	if (identity.p && in->source.n)
		return event_key_make(p->a, in->source, identity, key);
	hash = pii_hash(p, in->raw.p ? in->raw : SLICE(""));
	for (size_t i = 0; i < sizeof(key->b) && !p->failed; i++)
		key->b[i] = (uint8_t)(hex_digit(hash.p[2 * i]) << 4 | hex_digit(hash.p[2 * i + 1]));
	return true;
}

static struct slice attribute(struct pii *p, struct slice s)
{
	return s.n ? cut(pii_scrub(p, s), NAME_BYTES) : (struct slice){ NULL, 0 };
}

bool event_letter(struct arena *a, const struct event_in *in, const struct event_rules *rules,
		  const struct rejection *rej, struct dead_letter *letter)
{
	struct pii p = { .a = a, .key = rules->key, .letter = true };
	bool unreadable = rej->code == REJECT_MALFORMED_JSON || rej->code == REJECT_TOO_LARGE;
	const struct topic *topic = event_topic_find(event_topic_name(in));
	struct slice identity = event_identity(in), payload;

	*letter = (struct dead_letter){ .received_at_us = rules->now_us };
	if (!letter_key(&p, in, identity, &letter->key))
		return false;
	p.mask_name = unreadable || !topic || topic->customer; /* when in doubt, a name is a person's */
	payload = unreadable ? rest_of(&p, in) : event_again(&p, in, !topic);
	if (identity.n)
		letter->event_id = cut(pii_scrub_id(&p, identity), NAME_BYTES);
	letter->event_type = attribute(&p, in->type);
	letter->topic = topic ? topic->name : attribute(&p, in->topic.n ? in->topic : in->type);
	if (!letter->topic.p)
		letter->topic = attribute(&p, in->route);
	letter->source = attribute(&p, in->source);
	letter->trace_id = event_trace(in->traceparent);
	letter->error_code = slice_of(reject_name(rej->code));
	letter->error_field.p = arena_strndup(a, rej->field, strlen(rej->field));
	letter->error_field.n = strlen(rej->field);
	letter->error_message.p = arena_strndup(a, rej->message, strlen(rej->message));
	letter->error_message.n = strlen(rej->message);
	letter->payload = cut(payload, unreadable ? PAYLOAD_BYTES : WHOLE_BYTES);
	return !p.failed && letter->error_field.p && letter->error_message.p;
}
