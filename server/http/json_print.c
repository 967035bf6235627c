#include "server/http/json_print.h"

#include "storage/base/base64.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_DEPTH = 64 };

static void print_message(struct buf *b, const ProtobufCMessage *m, unsigned depth);

void json_name(const char *field, char *out)
{
	size_t n = 0;
	bool upper = false;

	for (; *field && n + 1 < JSON_NAME_BYTES; field++) {
		if (*field == '_') {
			upper = true;
			continue;
		}
		out[n++] = (char)(upper && *field >= 'a' && *field <= 'z' ? *field - 32 : *field);
		upper = false;
	}
	out[n] = 0;
}

static void print_double(struct buf *b, double v)
{
	char text[32];

	if (!isfinite(v)) {
		buf_puts(b, "null"); /* only an element comes here: see is_set */
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	buf_puts(b, text);
}

static void print_float(struct buf *b, float v)
{
	char text[32];

	if (!isfinite(v)) {
		buf_puts(b, "null");
		return;
	}
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	buf_puts(b, text);
}

static void print_enum(struct buf *b, const ProtobufCEnumDescriptor *d, int v)
{
	const ProtobufCEnumValue *row = protobuf_c_enum_descriptor_get_value(d, v);

	if (row)
		buf_printf(b, "\"%s\"", row->name);
	else
		buf_printf(b, "%d", v);
}

static size_t size_of(ProtobufCType t)
{
	switch (t) {
	case PROTOBUF_C_TYPE_INT64: case PROTOBUF_C_TYPE_SINT64: case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64: case PROTOBUF_C_TYPE_FIXED64: case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING: case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 4;
	}
}

static void print_value(struct buf *b, const ProtobufCFieldDescriptor *f, const void *at,
			unsigned depth)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32: case PROTOBUF_C_TYPE_SINT32: case PROTOBUF_C_TYPE_SFIXED32:
		buf_printf(b, "%" PRId32, *(const int32_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT32: case PROTOBUF_C_TYPE_FIXED32:
		buf_printf(b, "%" PRIu32, *(const uint32_t *)at);
		break;
	case PROTOBUF_C_TYPE_INT64: case PROTOBUF_C_TYPE_SINT64: case PROTOBUF_C_TYPE_SFIXED64:
		buf_printf(b, "\"%" PRId64 "\"", *(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT64: case PROTOBUF_C_TYPE_FIXED64:
		buf_printf(b, "\"%" PRIu64 "\"", *(const uint64_t *)at);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		print_float(b, *(const float *)at);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		print_double(b, *(const double *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buf_puts(b, *(const protobuf_c_boolean *)at ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		print_enum(b, f->descriptor, *(const int *)at);
		break;
	case PROTOBUF_C_TYPE_STRING: {
		const char *s = *(char *const *)at;

		buf_json_string(b, slice_of(s ? s : ""));
		break;
	}
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *d = at;

		buf_putc(b, '"');
		base64_print(b, (struct slice){ (const char *)d->data, d->len });
		buf_putc(b, '"');
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE:
		print_message(b, *(const ProtobufCMessage *const *)at, depth + 1);
		break;
	}
}

/* A field without presence (proto3 without `optional`) counts as set when it is not its zero. */
static bool is_nonzero(const ProtobufCFieldDescriptor *f, const void *at)
{
	static const char zero[sizeof(ProtobufCBinaryData)];

	if (f->type == PROTOBUF_C_TYPE_STRING)
		return *(char *const *)at && **(char *const *)at;
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((const ProtobufCBinaryData *)at)->len > 0;
	return memcmp(at, zero, size_of(f->type)) != 0;
}

static bool is_set(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *base = (const char *)m, *at = base + f->offset;

	if (f->type == PROTOBUF_C_TYPE_DOUBLE && !isfinite(*(const double *)at))
		return false;
	if (f->type == PROTOBUF_C_TYPE_FLOAT && !isfinite(*(const float *)at))
		return false;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)(base + f->quantifier_offset) == f->id;
	if (f->label == PROTOBUF_C_LABEL_REQUIRED)
		return true;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const void *const *)at != NULL;
	if (f->label == PROTOBUF_C_LABEL_NONE)
		return is_nonzero(f, at);
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return *(const void *const *)at && *(const void *const *)at != f->default_value;
	return *(const protobuf_c_boolean *)(base + f->quantifier_offset);
}

static void print_repeated(struct buf *b, const ProtobufCMessage *m,
			   const ProtobufCFieldDescriptor *f, unsigned depth)
{
	const char *base = (const char *)m;
	size_t n = *(const size_t *)(base + f->quantifier_offset), step = size_of(f->type);
	const char *items = *(const char *const *)(base + f->offset);

	buf_putc(b, '[');
	for (size_t i = 0; i < n && !b->failed; i++) {
		if (i)
			buf_putc(b, ',');
		print_value(b, f, items + i * step, depth);
	}
	buf_putc(b, ']');
}

static void print_message(struct buf *b, const ProtobufCMessage *m, unsigned depth)
{
	char name[JSON_NAME_BYTES];
	bool first = true;

	if (depth > MAX_DEPTH) {
		b->failed = true;
		return;
	}
	buf_putc(b, '{');
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

		if (f->label != PROTOBUF_C_LABEL_REPEATED && !is_set(m, f))
			continue;
		json_name(f->name, name);
		buf_printf(b, first ? "\"%s\":" : ",\"%s\":", name);
		first = false;
		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			print_repeated(b, m, f, depth);
		else
			print_value(b, f, (const char *)m + f->offset, depth);
	}
	buf_putc(b, '}');
}

void json_print(struct buf *b, const ProtobufCMessage *m)
{
	print_message(b, m, 0);
}
