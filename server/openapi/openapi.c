#include "server/openapi/openapi.h"

#include "google/protobuf/descriptor.pb-c.h"
#include "openapi.gen.h"
#include "server/http/deliver.h"
#include "server/http/http_error.h"
#include "server/http/json_print.h"
#include "server/reflection.h"
#include "server/rpc_table.h"

#include <assert.h>
#include <stdio.h>

typedef Google__Protobuf__FileDescriptorProto file_proto;   /* protoc-c's names are long */
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__SourceCodeInfo__Location location;

enum { DOCUMENT_BYTES = 4 << 20, MAX_SCHEMAS = 256, MAX_PATH = 4, NAME_BYTES = 256 };

/* Numbers of the fields of descriptor.proto, as paths of source locations name them. */
enum { FILE_MESSAGE = 4, FILE_SERVICE = 6, MESSAGE_FIELD = 2, SERVICE_METHOD = 2 };

struct message {
	const file_proto *file;
	const message_proto *proto;
	int index;                 /* in its file */
};

struct document {
	struct buf *out;
	struct message schemas[MAX_SCHEMAS]; /* that something refers to, in order of their mention */
	size_t nschemas;
};

/* Comments */

/* The comment at a path, "" when there is none: before the thing, else behind it. */
static const char *comment_at(const file_proto *f, const int32_t *path, size_t n)
{
	for (size_t i = 0; f->source_code_info && i < f->source_code_info->n_location; i++) {
		const location *l = f->source_code_info->location[i];

		if (l->n_path == n && memcmp(l->path, path, n * sizeof(*path)) == 0)
			return l->leading_comments    ? l->leading_comments
			       : l->trailing_comments ? l->trailing_comments
						      : "";
	}
	return "";
}

/* As one line. */
static void print_text(struct buf *b, const char *text)
{
	char line[1024];
	size_t n = 0;

	for (; *text && n < sizeof(line); text++) {
		bool blank = *text == ' ' || *text == '\n' || *text == '\t';

		if (!blank || (n && line[n - 1] != ' '))
			line[n++] = blank ? ' ' : *text;
	}
	while (n && line[n - 1] == ' ')
		n--;
	buf_json_string(b, (struct slice){ line, n });
}

/* A field's own comment, else that of a field of the same name in a message before: they say it once. */
static const char *field_comment(const struct message *m, size_t field)
{
	const char *name = m->proto->field[field]->name, *text;

	for (int i = m->index; i >= 0; i--) {
		const message_proto *p = m->file->message_type[i];

		for (size_t k = 0; k < p->n_field; k++) {
			const int32_t path[MAX_PATH] = { FILE_MESSAGE, i, MESSAGE_FIELD, (int32_t)k };

			if (strcmp(p->field[k]->name, name) == 0 && *(text = comment_at(m->file, path, 4)))
				return text;
		}
		if (i == m->index && strstr(m->proto->name, "Request") == NULL)
			break; /* only what is asked means the same everywhere */
	}
	return "";
}

/* Types */

/* full_name: ".package.Message". */
static struct message message_find(const char *full_name)
{
	const Google__Protobuf__FileDescriptorSet *set = reflection_files();

	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *f = set->file[i];
		char name[NAME_BYTES];

		for (size_t k = 0; k < f->n_message_type; k++) {
			snprintf(name, sizeof(name), ".%s.%s", f->package, f->message_type[k]->name);
			if (strcmp(name, full_name) == 0)
				return (struct message){ f, f->message_type[k], (int)k };
		}
	}
	assert(!"a message of an answer is in the set");
	return (struct message){ 0 };
}

static void print_reference(struct document *d, const char *full_name)
{
	struct message m = message_find(full_name);
	size_t i = 0;

	while (i < d->nschemas && d->schemas[i].proto != m.proto)
		i++;
	if (i == d->nschemas) {
		assert(d->nschemas < MAX_SCHEMAS);
		d->schemas[d->nschemas++] = m;
	}
	buf_printf(d->out, "{\"$ref\":\"#/components/schemas/%s\"}", m.proto->name);
}

static const char *scalar_schema(const field_proto *f)
{
	switch (f->type) {
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
		return "\"type\":\"number\",\"format\":\"double\"";
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64:
		return "\"type\":\"string\",\"format\":\"int64\",\"pattern\":\"^-?[0-9]+$\"";
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
		return "\"type\":\"integer\",\"format\":\"int32\"";
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
		return "\"type\":\"boolean\"";
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
		return "\"type\":\"string\"";
	default:
		assert(!"a type that no answer and no question holds");
		return "";
	}
}

static bool is_repeated(const field_proto *f)
{
	return f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}

static bool is_message(const field_proto *f)
{
	return f->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
}

static void print_type(struct document *d, const field_proto *f)
{
	if (is_message(f))
		print_reference(d, f->type_name);
	else
		buf_printf(d->out, "{%s}", scalar_schema(f));
}

static void print_property(struct document *d, const struct message *m, size_t field)
{
	const field_proto *f = m->proto->field[field];
	const char *comment = field_comment(m, field);
	char name[JSON_NAME_BYTES];

	json_name(f->name, name);
	buf_printf(d->out, "%s\"%s\":", field ? "," : "", name);
	if (is_message(f) && !is_repeated(f)) {
		print_reference(d, f->type_name); /* beside which nothing may stand */
		return;
	}
	buf_puts(d->out, is_repeated(f) ? "{\"type\":\"array\",\"items\":" : "{");
	if (is_repeated(f))
		print_type(d, f);
	else
		buf_puts(d->out, scalar_schema(f));
	if (*comment) {
		buf_puts(d->out, ",\"description\":");
		print_text(d->out, comment);
	}
	buf_putc(d->out, '}');
}

/* Lists, the messages of an answer and dataAsOf are always printed. */
static void print_required(struct buf *b, const message_proto *m)
{
	char name[JSON_NAME_BYTES];
	bool first = true;

	for (size_t i = 0; i < m->n_field; i++) {
		const field_proto *f = m->field[i];

		if (!is_repeated(f) && !is_message(f) && strcmp(f->name, "data_as_of") != 0)
			continue;
		json_name(f->name, name);
		buf_printf(b, "%s\"%s\"", first ? ",\"required\":[" : ",", name);
		first = false;
	}
	if (!first)
		buf_putc(b, ']');
}

static void print_schema(struct document *d, const struct message *m)
{
	const int32_t path[] = { FILE_MESSAGE, m->index };
	const char *comment = comment_at(m->file, path, 2);

	buf_printf(d->out, ",\n      \"%s\":{\"type\":\"object\"", m->proto->name);
	if (*comment) {
		buf_puts(d->out, ",\"description\":");
		print_text(d->out, comment);
	}
	print_required(d->out, m->proto);
	buf_puts(d->out, ",\"properties\":{");
	for (size_t i = 0; i < m->proto->n_field; i++)
		print_property(d, m, i);
	buf_puts(d->out, "}}");
}

/* Calls */

static void print_parameters(struct document *d, const char *input)
{
	struct message m = message_find(input);
	char name[JSON_NAME_BYTES];

	buf_puts(d->out, "\"parameters\":[");
	for (size_t i = 0; i < m.proto->n_field; i++) {
		const field_proto *f = m.proto->field[i];

		json_name(f->name, name);
		buf_printf(d->out, "%s{\"name\":\"%s\",\"in\":\"query\",\"description\":", i ? "," : "", name);
		print_text(d->out, field_comment(&m, i));
		if (is_repeated(f))
			buf_printf(d->out,
				   ",\"style\":\"form\",\"explode\":true,"
				   "\"schema\":{\"type\":\"array\",\"items\":{%s}}}",
				   scalar_schema(f));
		else
			buf_printf(d->out, ",\"schema\":{%s}}", scalar_schema(f));
	}
	buf_puts(d->out, "],");
}

static void print_call(struct document *d, const struct rpc *r, const Google__Protobuf__MethodDescriptorProto *m,
		       const char *comment)
{
	bool stream = m->has_server_streaming && m->server_streaming;

	buf_printf(d->out, ",\n    \"%s\":{\"get\":{\"operationId\":\"%s\",\"tags\":[\"analytics\"],\"summary\":",
		   r->http_path, m->name);
	print_text(d->out, *comment ? comment : m->name);
	buf_putc(d->out, ',');
	print_parameters(d, m->input_type);
	buf_printf(d->out, "\"responses\":{\"200\":{\"description\":\"%s\",\"content\":{\"%s\":{\"schema\":",
		   stream ? "Server-sent events: the data of each is the answer as JSON" : "The answer",
		   stream ? "text/event-stream" : "application/json");
	print_reference(d, m->output_type);
	buf_puts(d->out, "}}},\"400\":{\"$ref\":\"#/components/responses/Error\"},"
			 "\"503\":{\"$ref\":\"#/components/responses/Unavailable\"},"
			 "\"default\":{\"$ref\":\"#/components/responses/Error\"}}}}");
}

/* The method of a row, by its "/package.Service/Method". */
static void print_path(struct document *d, const struct rpc *r)
{
	const Google__Protobuf__FileDescriptorSet *set = reflection_files();
	char path[NAME_BYTES];

	for (size_t i = 0; i < set->n_file; i++) {
		const file_proto *f = set->file[i];

		for (size_t s = 0; s < f->n_service; s++) {
			for (size_t m = 0; m < f->service[s]->n_method; m++) {
				const int32_t at[] = { FILE_SERVICE, (int32_t)s, SERVICE_METHOD, (int32_t)m };

				snprintf(path, sizeof(path), "/%s.%s/%s", f->package, f->service[s]->name,
					 f->service[s]->method[m]->name);
				if (strcmp(path, r->path) == 0)
					print_call(d, r, f->service[s]->method[m], comment_at(f, at, 4));
			}
		}
	}
}

/* The document */

static void print_version(struct document *d)
{
	buf_puts(d->out, VERSION);
}

static void print_topics(struct document *d)
{
	static const char below[] = "/events/";
	bool first = true;

	for (const struct http_route *r = http_routes; r->method; r++) {
		if (r->handle != deliver_post)
			continue;
		buf_printf(d->out, "%s\"%s\"", first ? "" : ", ", r->path + sizeof(below) - 1);
		first = false;
	}
}

static void print_paths(struct document *d)
{
	for (const struct rpc *r = rpcs; r->path; r++)
		if (r->http_path)
			print_path(d, r);
}

/* Each may mention further ones. */
static void print_schemas(struct document *d)
{
	for (size_t i = 0; i < d->nschemas; i++)
		print_schema(d, &d->schemas[i]);
}

void openapi_print(struct buf *out)
{
	static const struct {
		const char *name;
		void (*print)(struct document *d);
	} places[] = { { "@VERSION@", print_version },
		       { "@TOPICS@", print_topics },
		       { "@PATHS@", print_paths },
		       { "@SCHEMAS@", print_schemas } };
	const char *rest = (const char *)openapi_openapi_json, *end = rest + sizeof(openapi_openapi_json);
	struct document d = { .out = out };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *at = memmem(rest, (size_t)(end - rest), places[i].name, strlen(places[i].name));

		assert(at);
		buf_put(out, rest, (size_t)(at - rest));
		places[i].print(&d);
		rest = at + strlen(places[i].name);
	}
	buf_put(out, rest, (size_t)(end - rest));
}

void openapi_get(struct http_request *r)
{
	struct buf b;

	buf_init(&b, DOCUMENT_BYTES);
	openapi_print(&b);
	if (b.failed)
		http_error(r, 503, ERR_QUOTA, "out of memory");
	else
		http_answer(r, 200, "application/json", (struct slice){ b.p, b.n }, 0);
	buf_reset(&b);
}
