#include "server/ingest/reject.h"
#include "server/ingest/text.h"
#include "server/ingest/timestamp.h"
#include "server/ingest/typed.h"
#include "server/ingest/wire.h"

/* google.protobuf.Timestamp as RFC 3339; p NULL: no such instant, or the arena is full. */
static struct slice timestamp_text(struct arena *a, struct slice message, bool *bad)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int64_t s = 0, nanos = 0;
	char *out;

	while (wire_next(&w, &f)) {
		if (f.type == WIRE_VARINT && f.number == 1)
			s = (int64_t)f.value;
		else if (f.type == WIRE_VARINT && f.number == 2)
			nanos = (int32_t)f.value;
	}
	*bad |= w.bad;
	if (s < -62135596800 || s > 253402300799 || nanos < 0 || nanos > 999999999)
		return (struct slice){ "?", 1 }; /* judged as the bad time that it is */
	out = arena_alloc(a, TIMESTAMP_BYTES + 1);
	if (!out)
		return (struct slice){ NULL, 0 };
	timestamp_format(s * 1000000 + nanos / 1000, out);
	return (struct slice){ out, TIMESTAMP_BYTES };
}

static struct slice integer_text(struct arena *a, int32_t v)
{
	struct text t;

	text_init(&t, a, 16);
	if (v < 0)
		text_putc(&t, '-');
	text_int(&t, v < 0 ? -(int64_t)v : v);
	return t.failed ? (struct slice){ NULL, 0 } : text_done(&t);
}

/* CloudEventAttributeValue */
static struct slice attribute_value(struct arena *a, struct slice message, bool *bad)
{
	struct slice out = { NULL, 0 };
	struct wire w = wire_of(message);
	struct wire_field f;

	while (wire_next(&w, &f)) {
		if (f.type == WIRE_BYTES && (f.number == 3 || f.number == 5 || f.number == 6)) {
			*bad |= !json_utf8_valid(f.bytes);
			out = f.bytes;
		} else if (f.type == WIRE_BYTES && f.number == 7) {
			out = timestamp_text(a, f.bytes, bad);
		} else if (f.type == WIRE_VARINT && f.number == 2) {
			out = integer_text(a, (int32_t)f.value);
		}
	}
	*bad |= w.bad;
	return out;
}

/* An entry of the map `attributes`. */
static void attribute_entry(struct arena *a, struct slice message, struct event_in *in, bool *bad)
{
	struct slice key = { NULL, 0 }, value = { NULL, 0 };
	struct wire w = wire_of(message);
	struct wire_field f;

	while (wire_next(&w, &f)) {
		if (f.type == WIRE_BYTES && f.number == 1)
			key = f.bytes;
		else if (f.type == WIRE_BYTES && f.number == 2)
			value = attribute_value(a, f.bytes, bad);
	}
	*bad |= w.bad || !json_utf8_valid(key);
	if (slice_is(key, "time"))
		in->time = value;
	else if (slice_is(key, "traceparent"))
		in->traceparent = value;
	else if (slice_is(key, "topic"))
		in->topic = value;
	else if (slice_is(key, "sequence"))
		in->sequence = value;
}

/* Fills in and *data; false when the bytes are no CloudEvent message. */
static bool read_event(struct arena *a, struct slice wire, struct event_in *in, struct slice *data, bool *typed)
{
	struct wire w = wire_of(wire);
	struct wire_field f;
	bool bad = false;

	while (wire_next(&w, &f)) {
		struct slice *to[] = { NULL, &in->id, &in->source, &in->spec_version, &in->type };

		if (f.number > 8)
			continue; /* a later version's */
		if (f.type != WIRE_BYTES)
			return false;
		if (f.number <= 4) {
			*to[f.number] = f.bytes;
			bad |= !json_utf8_valid(f.bytes);
		} else if (f.number == 5) {
			attribute_entry(a, f.bytes, in, &bad);
		} else {
			*data = f.bytes; /* of a oneof the last counts */
			*typed = f.number == 8;
		}
	}
	return !w.bad && !bad;
}

bool event_decode_proto(struct arena *a, struct slice wire, struct slice route, struct event_in *in,
			struct rejection *rej)
{
	struct slice data = { NULL, 0 };
	bool typed = false, readable;
	const char *why = "";

	*in = (struct event_in){ .route = route, .raw = wire };
	readable = read_event(a, wire, in, &data, &typed);
	if (data.p)
		in->raw = data;
	in->opaque = typed;
	if (!readable) { /* its attributes may be anything */
		*in = (struct event_in){ .route = route, .raw = wire };
		in->opaque = typed || memmem(wire.p, wire.n, "api.analytics.v1.", 17);
		return reject(rej, REJECT_MALFORMED_JSON, "", "not a CloudEvent message");
	}
	if (wire.n > EVENT_MAX_BYTES)
		return reject(rej, REJECT_TOO_LARGE, "", "the event is larger than 1 MiB");
	if (typed)
		return typed_decode(a, data, in, rej);
	if (!data.n)
		return true;
	in->data = json_parse(a, data, &why);
	if (in->data)
		return true;
	if (strcmp(why, "out of memory") == 0)
		return reject_memory(rej);
	return reject(rej, REJECT_MALFORMED_JSON, "data", why);
}

bool event_next_proto(struct slice request, size_t *at, struct slice *event, bool *bad)
{
	struct wire w = { .p = request.p + *at, .end = request.p + request.n };
	struct wire_field f;

	while (wire_next(&w, &f)) {
		*at = (size_t)(w.p - request.p);
		if (f.number == 1 && f.type == WIRE_BYTES) {
			*event = f.bytes;
			return true;
		}
		if (f.number == 1)
			w.bad = true;
	}
	*bad = w.bad;
	return false;
}
