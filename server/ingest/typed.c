#include "server/ingest/typed.h"
#include "server/ingest/envelope.h"
#include "server/ingest/event_table.h"
#include "server/ingest/reject.h"
#include "server/ingest/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_FIELDS_MAX = 32, INTEGER_CHARS = 24 };

struct reader {
	struct arena *a;
	bool full;                                  /* the arena is */
	struct json *properties, **properties_tail;
	uint32_t nproperties;
};

/* A field's place in the object under construction. */
struct member {
	struct json *node;
	struct json **tail; /* of an array: where its next element goes */
};

static const char no_message[] = "not a message of its type";

static struct json *new_node(struct reader *r, enum json_type type, struct slice key)
{
	struct json *v = arena_zalloc(r->a, sizeof(*v));

	if (!v) {
		r->full = true;
		return NULL;
	}
	v->type = type;
	v->key = key;
	return v;
}

static bool is_map(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED && strcmp(f->name, "properties") == 0;
}

static enum json_type type_of(const ProtobufCFieldDescriptor *f)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return JSON_ARRAY;
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return JSON_STRING;
	case PROTOBUF_C_TYPE_INT64:
		return JSON_NUMBER;
	default:
		assert(f->type == PROTOBUF_C_TYPE_MESSAGE); /* events.proto has no others */
		return JSON_OBJECT;
	}
}

static bool read_string(const struct wire_field *sent, struct slice *out)
{
	*out = sent->bytes;
	return sent->type == WIRE_BYTES && json_utf8_valid(sent->bytes);
}

static bool read_integer(struct reader *r, const struct wire_field *sent, struct slice *out)
{
	char *text;

	if (sent->type != WIRE_VARINT)
		return false;
	text = arena_alloc(r->a, INTEGER_CHARS);
	if (!text) {
		r->full = true;
		return false;
	}
	*out = (struct slice){ text, (size_t)snprintf(text, INTEGER_CHARS, "%" PRId64, (int64_t)sent->value) };
	return true;
}

/* An entry of the map: one more member of data. */
static bool read_property(struct reader *r, const struct wire_field *sent)
{
	struct json *v = new_node(r, JSON_STRING, SLICE(""));
	struct wire w = wire_of(sent->bytes);
	struct wire_field f;
	bool fine = v && sent->type == WIRE_BYTES;

	if (!fine)
		return false;
	v->text = SLICE("");
	while (fine && wire_next(&w, &f)) {
		if (f.number == 1)
			fine = read_string(&f, &v->key);
		else if (f.number == 2)
			fine = read_string(&f, &v->text);
	}
	*r->properties_tail = v;
	r->properties_tail = &v->next;
	r->nproperties++;
	return fine && !w.bad;
}

static bool read_message(struct reader *r, const ProtobufCMessageDescriptor *d, struct slice bytes,
			 struct json *object);

/* A singular field's value; of one that comes twice the last counts, and messages are merged. */
static bool read_value(struct reader *r, const ProtobufCFieldDescriptor *field, const struct wire_field *sent,
		       struct json *v)
{
	switch (v->type) {
	case JSON_STRING:
		return read_string(sent, &v->text);
	case JSON_NUMBER:
		return read_integer(r, sent, &v->text);
	default:
		return sent->type == WIRE_BYTES && read_message(r, field->descriptor, sent->bytes, v);
	}
}

static bool read_element(struct reader *r, const ProtobufCFieldDescriptor *field, const struct wire_field *sent,
			 struct member *m)
{
	struct json *v = new_node(r, JSON_OBJECT, (struct slice){ NULL, 0 });

	assert(field->type == PROTOBUF_C_TYPE_MESSAGE);
	if (!v)
		return false;
	*m->tail = v;
	m->tail = &v->next;
	m->node->count++;
	return read_value(r, field, sent, v);
}

static bool read_message(struct reader *r, const ProtobufCMessageDescriptor *d, struct slice bytes,
			 struct json *object)
{
	struct member members[MESSAGE_FIELDS_MAX] = { { NULL, NULL } };
	struct json **tail = &object->child;
	struct wire w = wire_of(bytes);
	struct wire_field f;

	assert(d->n_fields <= MESSAGE_FIELDS_MAX);
	for (; *tail; tail = &(*tail)->next) { /* what an earlier part of the same message left */
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field_by_name(d, (*tail)->key.p);

		assert((*tail)->type != JSON_ARRAY); /* only events have lists, and they are no part of any */
		members[field - d->fields].node = *tail;
	}
	while (wire_next(&w, &f)) {
		const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(d, f.number);
		struct member *m = field ? &members[field - d->fields] : NULL;

		if (!field)
			continue; /* a later version's */
		if (is_map(field)) {
			if (!read_property(r, &f))
				return false;
			continue;
		}
		if (!m->node) {
			m->node = new_node(r, type_of(field), slice_of(field->name));
			if (!m->node)
				return false;
			m->tail = &m->node->child;
			*tail = m->node;
			tail = &m->node->next;
			object->count++;
		}
		if (!(m->node->type == JSON_ARRAY ? read_element(r, field, &f, m) :
						    read_value(r, field, &f, m->node)))
			return false;
	}
	return !w.bad;
}

struct placed {
	struct json *v;
	uint32_t at; /* in the order of sending */
};

static int by_key_and_place(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;
	struct slice k = a->v->key, l = b->v->key;
	int c = memcmp(k.p, l.p, k.n < l.n ? k.n : l.n);

	if (!c)
		c = (k.n > l.n) - (k.n < l.n);
	return c ? c : (a->at > b->at) - (a->at < b->at);
}

/* Appends the properties to the members of data; of a key that comes twice among them the last counts, as in
 * any map. NULL: done; else what is wrong. */
static const char *join_properties(struct reader *r, struct json *data)
{
	struct placed *all;
	struct json **tail;
	uint32_t n = 0;

	if (!r->nproperties)
		return NULL;
	all = arena_alloc(r->a, (data->count + r->nproperties) * sizeof(*all));
	if (!all) {
		r->full = true;
		return no_message;
	}
	for (tail = &data->child; *tail; tail = &(*tail)->next, n++)
		all[n] = (struct placed){ *tail, n };
	*tail = r->properties;
	for (struct json *m = r->properties; m; m = m->next, n++)
		all[n] = (struct placed){ m, n };
	qsort(all, n, sizeof(*all), by_key_and_place);
	for (uint32_t i = 0; i + 1 < n; i++) {
		if (!slice_eq(all[i].v->key, all[i + 1].v->key))
			continue;
		if (all[i].at < data->count)
			return "a key of properties is that of a field";
		all[i].v->key.p = NULL; /* so that the next pass knows it */
	}
	while (*tail) {
		if ((*tail)->key.p) {
			tail = &(*tail)->next;
			data->count++;
		} else {
			*tail = (*tail)->next;
		}
	}
	return NULL;
}

/* NULL with *why, or with r->full. */
static struct json *read_data(struct reader *r, const ProtobufCMessageDescriptor *d, struct slice bytes,
			      const char **why)
{
	struct json *data = new_node(r, JSON_OBJECT, (struct slice){ NULL, 0 });
	struct json *version = new_node(r, JSON_STRING, SLICE("schema_version"));

	r->properties_tail = &r->properties;
	*why = no_message;
	if (!data || !version || (bytes.p && !read_message(r, d, bytes, data)))
		return NULL;
	version->text = SLICE("v2");
	version->next = data->child;
	data->child = version;
	data->count++;
	*why = join_properties(r, data);
	return *why ? NULL : data;
}

/* The last segment of a type URL. */
static struct slice full_name(struct slice url)
{
	for (size_t i = url.n; i; i--)
		if (url.p[i - 1] == '/')
			return (struct slice){ url.p + i, url.n - i };
	return url;
}

bool typed_decode(struct arena *a, struct slice any, struct event_in *in, struct rejection *rej)
{
	struct slice url = { NULL, 0 }, value = { NULL, 0 };
	struct reader r = { .a = a };
	struct wire w = wire_of(any);
	const struct typed_row *row;
	struct wire_field f;
	const char *why;

	while (wire_next(&w, &f)) {
		if (f.number <= 2 && f.type != WIRE_BYTES)
			w.bad = true;
		else if (f.number == 1)
			url = f.bytes;
		else if (f.number == 2)
			value = f.bytes;
	}
	if (w.bad)
		return reject(rej, REJECT_MALFORMED_JSON, "data", "not a google.protobuf.Any");
	row = typed_find(full_name(url));
	if (!row) {
		in->bad_field = "data";
		in->bad_why = "no message of this type is known";
		return true;
	}
	in->data = read_data(&r, row->message, value, &why);
	if (r.full)
		return reject_memory(rej);
	if (!in->data)
		return reject(rej, REJECT_MALFORMED_JSON, "data", why);
	if (event_topic_find(event_topic_name(in)) && !slice_eq(row->topic, event_topic_name(in))) {
		in->bad_field = "data";
		in->bad_why = "the message is one of another type";
	}
	return true;
}
