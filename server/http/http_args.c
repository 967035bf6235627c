#include "server/http/http_args.h"

#include "server/http/json_print.h"
#include "storage/base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool http_args_begin(struct http_args *a, struct arena *arena, const ProtobufCMessageDescriptor *d)
{
	*a = (struct http_args){ .arena = arena,
				 .message = arena_zalloc(arena, d->sizeof_message) };
	if (!a->message)
		return false;
	protobuf_c_message_init(d, a->message);
	status_of(&a->status, ERR_INVALID, "");
	return true;
}

static void violate(struct http_args *a, struct slice name, const char *description)
{
	struct status *s = &a->status;
	/* A name that is no text must not come back in our JSON. */
	bool show = name.n < JSON_NAME_BYTES && json_utf8_valid(name);
	const char *field = show ? arena_strndup(a->arena, name.p, name.n) : "";

	if (s->nviolations == CALL_MAX_VIOLATIONS)
		return;
	if (!s->nviolations)
		snprintf(s->message, sizeof(s->message), "%s: %s", field ? field : "", description);
	s->violations[s->nviolations++] = (struct violation){ field ? field : "", description };
}

static const ProtobufCFieldDescriptor *find(const ProtobufCMessageDescriptor *d, struct slice name)
{
	char camel[JSON_NAME_BYTES];

	for (unsigned i = 0; i < d->n_fields; i++) {
		json_name(d->fields[i].name, camel);
		if (slice_is(name, camel) || slice_is(name, d->fields[i].name))
			return &d->fields[i];
	}
	return NULL;
}

static bool read_integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;

	if (*text != '-' && (*text < '0' || *text > '9'))
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && !*end && end != text && *out >= min && *out <= max;
}

static bool read_double(const char *text, double *out)
{
	char *end;

	if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
		return false;
	*out = strtod(text, &end);
	return !*end && isfinite(*out);
}

/* Writes text's value to *at; a static description of what is wrong with it otherwise. */
static const char *read_value(const ProtobufCFieldDescriptor *f, char *text, void *at)
{
	const ProtobufCEnumValue *v;
	int64_t i;
	double d;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = text;
		return NULL;
	case PROTOBUF_C_TYPE_INT32: case PROTOBUF_C_TYPE_SINT32: case PROTOBUF_C_TYPE_SFIXED32:
		if (!read_integer(text, INT32_MIN, INT32_MAX, &i))
			return "is not a 32-bit integer";
		*(int32_t *)at = (int32_t)i;
		return NULL;
	case PROTOBUF_C_TYPE_INT64: case PROTOBUF_C_TYPE_SINT64: case PROTOBUF_C_TYPE_SFIXED64:
		if (!read_integer(text, INT64_MIN, INT64_MAX, &i))
			return "is not a 64-bit integer";
		*(int64_t *)at = i;
		return NULL;
	case PROTOBUF_C_TYPE_UINT32: case PROTOBUF_C_TYPE_FIXED32:
		if (!read_integer(text, 0, UINT32_MAX, &i))
			return "is not an unsigned 32-bit integer";
		*(uint32_t *)at = (uint32_t)i;
		return NULL;
	case PROTOBUF_C_TYPE_DOUBLE:
		if (!read_double(text, &d))
			return "is not a number";
		*(double *)at = d;
		return NULL;
	case PROTOBUF_C_TYPE_BOOL:
		if (strcmp(text, "true") && strcmp(text, "false"))
			return "is neither true nor false";
		*(protobuf_c_boolean *)at = *text == 't';
		return NULL;
	case PROTOBUF_C_TYPE_ENUM:
		v = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, text);
		if (!v)
			return "is not one of this field's values";
		*(int *)at = v->value;
		return NULL;
	default:
		return "cannot be given as an argument";
	}
}

static bool is_wide(ProtobufCType t)
{
	return t == PROTOBUF_C_TYPE_STRING || t == PROTOBUF_C_TYPE_DOUBLE ||
	       t == PROTOBUF_C_TYPE_INT64 || t == PROTOBUF_C_TYPE_SINT64 ||
	       t == PROTOBUF_C_TYPE_SFIXED64;
}

/* Room for one more element; the array doubles when its length is a power of two. */
static void *append(struct http_args *a, const ProtobufCFieldDescriptor *f)
{
	char *base = (char *)a->message;
	size_t *n = (size_t *)(base + f->quantifier_offset), step = is_wide(f->type) ? 8 : 4;
	char **items = (char **)(base + f->offset), *grown;

	if ((*n & (*n - 1)) == 0) {
		grown = arena_alloc(a->arena, (*n ? *n * 2 : 1) * step);
		if (!grown)
			return NULL;
		if (*n)
			memcpy(grown, *items, *n * step);
		*items = grown;
	}
	return *items + (*n)++ * step;
}

static void *place(struct http_args *a, const ProtobufCFieldDescriptor *f, const char **why)
{
	char *base = (char *)a->message;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		*why = "has too many values";
		return append(a, f);
	}
	*why = "is given more than once";
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		char *was = *(char **)(base + f->offset);

		return was && was != f->default_value && was != protobuf_c_empty_string
			       ? NULL
			       : base + f->offset;
	}
	if (f->label == PROTOBUF_C_LABEL_OPTIONAL) {
		protobuf_c_boolean *has = (protobuf_c_boolean *)(base + f->quantifier_offset);

		if (*has)
			return NULL;
		*has = 1;
	}
	return base + f->offset;
}

void http_args_set(void *args, struct slice name, struct slice value)
{
	struct http_args *a = args;
	const ProtobufCFieldDescriptor *f = find(a->message->descriptor, name);
	const char *why;
	char *text;
	void *at;

	if (!f) {
		violate(a, name, "is not an argument of this call");
		return;
	}
	if (!json_utf8_valid(value)) {
		violate(a, name, "is not UTF-8 text");
		return;
	}
	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_BYTES) {
		violate(a, name, "cannot be given as an argument");
		return;
	}
	text = arena_strndup(a->arena, value.p, value.n);
	at = text ? place(a, f, &why) : NULL;
	if (!at)
		why = text ? why : "is too long";
	else
		why = read_value(f, text, at);
	if (why)
		violate(a, name, why);
}
