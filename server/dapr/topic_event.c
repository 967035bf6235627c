#include "server/dapr/topic_event.h"

#include "storage/base/base64.h"
#include "server/http/media.h"
#include "server/ingest/wire.h"
#include "storage/base/json.h"

bool topic_event_read(struct slice wire, bool of_bulk, struct topic_event *e)
{
	struct slice *single[11] = { NULL, &e->id, &e->source, &e->type, &e->spec_version, &e->content_type,
				     &e->topic, &e->data, NULL, &e->path, &e->extensions };
	struct slice *bulk[11] = { NULL, &e->id, &e->source, &e->type, &e->spec_version, &e->content_type,
				   &e->data, &e->extensions };
	struct wire w = wire_of(wire);
	struct wire_field f;

	while (wire_next(&w, &f)) {
		struct slice *to = f.number < 11 ? (of_bulk ? bulk : single)[f.number] : NULL;

		if (to && f.type == WIRE_BYTES)
			*to = f.bytes;
	}
	return !w.bad;
}

bool topic_bulk_read(struct slice wire, struct topic_bulk *b)
{
	struct wire w = wire_of(wire);
	struct wire_field f;

	while (wire_next(&w, &f)) {
		if (f.number == 2)
			b->n++;
		else if (f.number == 4 && f.type == WIRE_BYTES)
			b->topic = f.bytes;
		else if (f.number == 7 && f.type == WIRE_BYTES)
			b->path = f.bytes;
	}
	return !w.bad;
}

bool topic_entry_read(struct slice wire, struct slice *id, struct topic_event *e, struct slice *bytes)
{
	struct wire w = wire_of(wire);
	struct wire_field f;
	bool good = true;

	while (wire_next(&w, &f)) {
		if (f.type != WIRE_BYTES)
			continue;
		if (f.number == 1)
			*id = f.bytes;
		else if (f.number == 2)
			*bytes = f.bytes;
		else if (f.number == 3)
			good = topic_event_read(f.bytes, true, e);
	}
	return good && !w.bad;
}

/* A google.protobuf.Value's text; p == NULL for all that is no string. */
static struct slice string_of(struct slice value)
{
	struct wire w = wire_of(value);
	struct wire_field f;
	struct slice s = { NULL, 0 };

	while (wire_next(&w, &f))
		if (f.number == 3 && f.type == WIRE_BYTES)
			s = f.bytes;
	return s;
}

static void print_attribute(struct buf *out, const char *name, struct slice value)
{
	if (!value.n)
		return;
	buf_printf(out, "%s\"%s\":", out->n > 1 ? "," : "", name);
	buf_json_string(out, value);
}

/* The attributes of a Struct that mean something to us. */
static void print_extensions(struct buf *out, struct slice extensions, struct slice *topic)
{
	static const char *const wanted[] = { "time", "traceparent", "sequence" };
	struct wire fields = wire_of(extensions);
	struct wire_field entry, f;

	while (wire_next(&fields, &entry)) {
		struct wire w = wire_of(entry.bytes);
		struct slice key = { NULL, 0 }, value = { NULL, 0 };

		while (entry.number == 1 && wire_next(&w, &f)) {
			if (f.number == 1)
				key = f.bytes;
			else if (f.number == 2)
				value = string_of(f.bytes);
		}
		if (slice_is(key, "topic") && value.n)
			*topic = value;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (slice_is(key, wanted[i]))
				print_attribute(out, wanted[i], value);
	}
}

void topic_event_print(const struct topic_event *e, struct buf *out)
{
	struct slice topic = e->topic;
	bool json = !e->content_type.n || media_is_json(e->content_type);

	if (e->data.n && json && !json_one_value(e->data)) { /* malformed, and must not pass for attributes */
		buf_put(out, e->data.p, e->data.n);
		return;
	}
	buf_putc(out, '{');
	print_attribute(out, "id", e->id);
	print_attribute(out, "source", e->source);
	print_attribute(out, "type", e->type);
	print_attribute(out, "specversion", e->spec_version);
	print_attribute(out, "datacontenttype", e->content_type);
	print_extensions(out, e->extensions, &topic);
	print_attribute(out, "topic", topic);
	if (e->data.n && json) {
		buf_puts(out, out->n > 1 ? ",\"data\":" : "\"data\":");
		buf_put(out, e->data.p, e->data.n);
	} else if (e->data.n) {
		buf_puts(out, out->n > 1 ? ",\"data_base64\":\"" : "\"data_base64\":\"");
		base64_print(out, e->data);
		buf_putc(out, '"');
	}
	buf_putc(out, '}');
}
