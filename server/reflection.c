#include "server/reflection.h"

#include "descriptors.gen.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest request; /* protoc-c's names are long */
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

enum { MAX_FILES = 64, MAX_SERVICES = 32 };

static Google__Protobuf__FileDescriptorSet *set;
static ProtobufCBinaryData packed[MAX_FILES];     /* set->file[i], serialized */
static char services[MAX_SERVICES][128];          /* full names of what rpcs[] serves */
static size_t nservices;

static void add_service(const char *path)
{
	size_t n = strcspn(path + 1, "/");

	for (size_t i = 0; i < nservices; i++)
		if (strlen(services[i]) == n && !memcmp(services[i], path + 1, n))
			return;
	if (nservices < MAX_SERVICES && n < sizeof(services[0]))
		snprintf(services[nservices++], sizeof(services[0]), "%.*s", (int)n, path + 1);
}

/* Without the comments: to clients' descriptor pools a file with them differs from the same one without. */
static bool pack_file(Google__Protobuf__FileDescriptorProto *f, ProtobufCBinaryData *out)
{
	Google__Protobuf__SourceCodeInfo *comments = f->source_code_info;

	f->source_code_info = NULL;
	out->data = malloc(google__protobuf__file_descriptor_proto__get_packed_size(f));
	if (out->data)
		out->len = google__protobuf__file_descriptor_proto__pack(f, out->data);
	f->source_code_info = comments;
	return out->data != NULL;
}

enum err_code reflection_init(struct err *e)
{
	set = google__protobuf__file_descriptor_set__unpack(NULL, sizeof(descriptor_set), descriptor_set);
	if (!set || set->n_file > MAX_FILES)
		return err_set(e, ERR_INTERNAL, "the embedded descriptor set cannot be used");
	for (size_t i = 0; i < set->n_file; i++)
		if (!pack_file(set->file[i], &packed[i]))
			return err_set(e, ERR_QUOTA, "no memory for descriptors");
	for (const struct rpc *r = rpcs; r->path; r++)
		add_service(r->path);
	return ERR_OK;
}

void reflection_reset(void)
{
	for (size_t i = 0; set && i < set->n_file; i++)
		free(packed[i].data);
	if (set)
		google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
	set = NULL;
	nservices = 0;
}

const struct Google__Protobuf__FileDescriptorSet *reflection_files(void)
{
	return set;
}

bool reflection_has_service(const char *full_name)
{
	for (size_t i = 0; i < nservices; i++)
		if (!strcmp(services[i], full_name))
			return true;
	return false;
}

/* If name is what full ("a.b.C.d") starts with, the rest behind the dot ("" when they are equal), else NULL. */
static const char *behind(const char *full, const char *name)
{
	size_t n = strlen(name);

	if (!n)
		return full;
	if (strncmp(full, name, n) || (full[n] && full[n] != '.'))
		return NULL;
	return full[n] ? full + n + 1 : full + n;
}

static bool message_has(const Google__Protobuf__DescriptorProto *m, const char *symbol)
{
	const char *rest = behind(symbol, m->name);

	if (!rest)
		return false;
	if (!*rest)
		return true;
	for (size_t i = 0; i < m->n_nested_type; i++)
		if (message_has(m->nested_type[i], rest))
			return true;
	for (size_t i = 0; i < m->n_enum_type; i++)
		if (!strcmp(m->enum_type[i]->name, rest))
			return true;
	for (size_t i = 0; i < m->n_field; i++)
		if (!strcmp(m->field[i]->name, rest))
			return true;
	return false;
}

static bool service_has(const Google__Protobuf__ServiceDescriptorProto *s, const char *symbol)
{
	const char *rest = behind(symbol, s->name);

	if (!rest)
		return false;
	for (size_t i = 0; *rest && i < s->n_method; i++)
		if (!strcmp(s->method[i]->name, rest))
			return true;
	return !*rest;
}

static bool file_has(const Google__Protobuf__FileDescriptorProto *f, const char *symbol)
{
	const char *rest = behind(symbol, f->package ? f->package : "");

	if (!rest || !*rest)
		return false;
	for (size_t i = 0; i < f->n_message_type; i++)
		if (message_has(f->message_type[i], rest))
			return true;
	for (size_t i = 0; i < f->n_service; i++)
		if (service_has(f->service[i], rest))
			return true;
	for (size_t i = 0; i < f->n_enum_type; i++)
		if (!strcmp(f->enum_type[i]->name, rest))
			return true;
	return false;
}

static size_t file_named(const char *name)
{
	size_t i = 0;

	while (i < set->n_file && strcmp(set->file[i]->name, name))
		i++;
	return i;
}

static size_t file_with_symbol(const char *symbol)
{
	size_t i = 0;

	while (i < set->n_file && !file_has(set->file[i], symbol))
		i++;
	return i;
}

/* The file and, once each, all it depends on. The set is in order of dependency: one pass down is enough. */
static size_t closure(size_t root, ProtobufCBinaryData *out)
{
	bool wanted[MAX_FILES] = { false };
	size_t n = 0;

	wanted[root] = true;
	for (size_t i = root + 1; i-- > 0;) {
		if (!wanted[i])
			continue;
		out[n++] = packed[i];
		for (size_t k = 0; k < set->file[i]->n_dependency; k++)
			wanted[file_named(set->file[i]->dependency[k])] = true;
	}
	return n;
}

static void send_error(struct stream *s, response *out, int code, const char *message)
{
	Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

	error.error_code = code;
	error.error_message = (char *)message;
	out->message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	out->error_response = &error;
	stream_send(s, &out->base);
}

static void send_files(struct stream *s, response *out, size_t root)
{
	Grpc__Reflection__V1__FileDescriptorResponse files = GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData list[MAX_FILES];

	if (root == set->n_file) {
		send_error(s, out, err_grpc_status(ERR_NOT_FOUND), "no such file or symbol");
		return;
	}
	files.n_file_descriptor_proto = closure(root, list);
	files.file_descriptor_proto = list;
	out->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	out->file_descriptor_response = &files;
	stream_send(s, &out->base);
}

static void send_services(struct stream *s, response *out)
{
	Grpc__Reflection__V1__ListServiceResponse all = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	Grpc__Reflection__V1__ServiceResponse one[MAX_SERVICES], *list[MAX_SERVICES];

	for (size_t i = 0; i < nservices; i++) {
		grpc__reflection__v1__service_response__init(&one[i]);
		one[i].name = services[i];
		list[i] = &one[i];
	}
	all.n_service = nservices;
	all.service = list;
	out->message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
	out->list_services_response = &all;
	stream_send(s, &out->base);
}

static void on_message(struct stream *s, struct slice bytes)
{
	ProtobufCAllocator a = arena_allocator(stream_arena(s));
	request *r = grpc__reflection__v1__server_reflection_request__unpack(&a, bytes.n, (const uint8_t *)bytes.p);
	response out = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	struct status why;

	if (!r) {
		status_of(&why, ERR_INVALID, "the message cannot be decoded");
		stream_finish(s, &why);
		return;
	}
	out.valid_host = r->host;
	out.original_request = r;
	switch (r->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		send_files(s, &out, file_named(r->file_by_filename));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		send_files(s, &out, file_with_symbol(r->file_containing_symbol));
		break;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		send_services(s, &out);
		break;
	default: /* we define no extensions */
		send_error(s, &out, err_grpc_status(ERR_NOT_FOUND), "there are no extensions here");
	}
}

static void on_open(struct stream *s)
{
	stream_read(s);
}

static void on_half_closed(struct stream *s)
{
	stream_finish(s, NULL);
}

static void on_gone(struct stream *s)
{
	(void)s;
}

const struct stream_ops reflection_stream = {
	.open = on_open,
	.message = on_message,
	.half_closed = on_half_closed,
	.writable = on_open, /* the answer is out: the next question */
	.gone = on_gone,
};
