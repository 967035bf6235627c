/* Rows into messages, by the names of columns and fields (server/query/question.h). */
#include "server/query/question.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 32, MAX_NAME = 64 };


/* Which field each column is, of the message itself or (list: "segments.stages") of the element around it. */
struct columns {
	const PGresult *r;
	int n;
	const ProtobufCFieldDescriptor *inner[MAX_COLUMNS], *outer[MAX_COLUMNS];
};

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *d, const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(d, name);
}

static void columns_find(struct columns *c, const PGresult *r, const ProtobufCMessageDescriptor *inner,
			 const ProtobufCMessageDescriptor *outer)
{
	c->r = r;
	c->n = PQnfields(r);
	assert(c->n <= MAX_COLUMNS);
	for (int i = 0; i < c->n; i++) {
		c->outer[i] = outer ? field_named(outer, PQfname(r, i)) : NULL;
		c->inner[i] = c->outer[i] ? NULL : field_named(inner, PQfname(r, i));
		assert(c->inner[i] || c->outer[i]);
	}
}

static void cell_read(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const PGresult *r, int row,
		      int column)
{
	char *text = PQgetvalue(r, row, column), *at = (char *)m + f->offset;

	assert(f->label == PROTOBUF_C_LABEL_OPTIONAL);
	if (PQgetisnull(r, row, column))
		return;
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = text;
		return;
	case PROTOBUF_C_TYPE_DOUBLE:
		*(double *)at = strtod(text, NULL);
		break;
	case PROTOBUF_C_TYPE_INT64:
		*(int64_t *)at = strtoll(text, NULL, 10);
		break;
	case PROTOBUF_C_TYPE_INT32:
		*(int32_t *)at = (int32_t)strtol(text, NULL, 10);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = *text == 't';
		break;
	default:
		assert(!"a type that no answer holds");
	}
	*(protobuf_c_boolean *)((char *)m + f->quantifier_offset) = true;
}

static void row_read(ProtobufCMessage *m, const struct columns *c,
		     const ProtobufCFieldDescriptor *const *fields, int row)
{
	for (int i = 0; i < c->n; i++)
		if (fields[i])
			cell_read(m, fields[i], c->r, row, i);
}

static bool has_inner(const struct columns *c, int row)
{
	for (int i = 0; i < c->n; i++)
		if (c->inner[i] && !PQgetisnull(c->r, row, i))
			return true;
	return false;
}

/* Do the rows belong to the same element of the outer list? */
static bool same_outer(const struct columns *c, int a, int b)
{
	for (int i = 0; i < c->n; i++)
		if (c->outer[i] && (PQgetisnull(c->r, a, i) != PQgetisnull(c->r, b, i) ||
				    strcmp(PQgetvalue(c->r, a, i), PQgetvalue(c->r, b, i)) != 0))
			return false;
	return true;
}

static ProtobufCMessage *message_new(struct arena *a, const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = arena_alloc(a, d->sizeof_message);

	if (m)
		protobuf_c_message_init(d, m);
	return m;
}

static ProtobufCMessage *message_at(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	ProtobufCMessage **at = (ProtobufCMessage **)((char *)m + f->offset);

	if (!*at)
		*at = message_new(a, f->descriptor);
	return *at;
}

/* Puts an empty list with room for most into m's field. */
static bool list_new(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, int most)
{
	void *items = arena_alloc(a, ((size_t)most + 1) * sizeof(void *));

	*(void **)((char *)m + f->offset) = items;
	*(size_t *)((char *)m + f->quantifier_offset) = 0;
	return items != NULL;
}

static ProtobufCMessage *list_add(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	ProtobufCMessage **items = *(ProtobufCMessage ***)((char *)m + f->offset);
	size_t *n = (size_t *)((char *)m + f->quantifier_offset);

	return items[(*n)++] = message_new(a, f->descriptor);
}

static bool fill_list(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
		      const struct columns *c, int from, int until)
{
	ProtobufCMessage *element;

	if (!list_new(a, m, f, until - from))
		return false;
	for (int row = from; row < until; row++) {
		if (!has_inner(c, row))
			continue;
		if (!(element = list_add(a, m, f)))
			return false;
		row_read(element, c, c->inner, row);
	}
	return true;
}

static bool fill_nested(struct arena *a, ProtobufCMessage *m, const ProtobufCFieldDescriptor *outer,
			const ProtobufCFieldDescriptor *inner, const struct columns *c)
{
	int rows = PQntuples(c->r), until;
	ProtobufCMessage *element;

	if (!list_new(a, m, outer, rows))
		return false;
	for (int row = 0; row < rows; row = until) {
		for (until = row + 1; until < rows && same_outer(c, row, until);)
			until++;
		if (!(element = list_add(a, m, outer)))
			return false;
		row_read(element, c, c->outer, row);
		if (!fill_list(a, element, inner, c, row, until))
			return false;
	}
	return true;
}

bool question_fill(struct arena *a, ProtobufCMessage *m, const char *field, const PGresult *r)
{
	const char *dot = field ? strchr(field, '.') : NULL;
	char outer_name[MAX_NAME] = "";
	struct columns c;
	const ProtobufCFieldDescriptor *f, *outer;

	if (dot) {
		assert(dot - field < MAX_NAME);
		memcpy(outer_name, field, (size_t)(dot - field));
		outer = field_named(m->descriptor, outer_name);
		assert(outer);
		if (outer->label == PROTOBUF_C_LABEL_REPEATED) {
			f = field_named(outer->descriptor, dot + 1);
			assert(f);
			columns_find(&c, r, f->descriptor, outer->descriptor);
			return fill_nested(a, m, outer, f, &c);
		}
		m = message_at(a, m, outer);
		return m && question_fill(a, m, dot + 1, r);
	}
	if (field) {
		f = field_named(m->descriptor, field);
		assert(f);
		columns_find(&c, r, f->descriptor, NULL);
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			return fill_list(a, m, f, &c, 0, PQntuples(r));
		if (!(m = message_at(a, m, f)))
			return false;
	} else {
		columns_find(&c, r, m->descriptor, NULL);
	}
	if (PQntuples(r))
		row_read(m, &c, c.inner, 0);
	return true;
}
