#include "server/http/http_args.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct arena arena;
static struct http_args args;

static void begin(const ProtobufCMessageDescriptor *d)
{
	arena_init(&arena, 1 << 20);
	cr_assert(http_args_begin(&args, &arena, d));
}

static void set(const char *name, const char *value)
{
	http_args_set(&args, slice_of(name), slice_of(value));
}

static void finish(void)
{
	arena_reset(&arena);
}

/* The description of the one violation after name=value in a FieldDescriptorProto; "" when there is
 * none. */
static const char *wrong(const char *name, const char *value)
{
	begin(&google__protobuf__field_descriptor_proto__descriptor);
	set(name, value);
	cr_assert_leq(args.status.nviolations, 1);
	if (!args.status.nviolations)
		return "";
	cr_assert_str_eq(args.status.violations[0].field, name);
	cr_assert_eq(args.status.grpc, 3);
	return args.status.violations[0].description;
}

Test(http_args, values_by_type_and_both_spellings, .fini = finish)
{
	const Google__Protobuf__FieldDescriptorProto *m;

	begin(&google__protobuf__field_descriptor_proto__descriptor);
	set("name", "Zo\xc3\xab");
	set("number", "-7");
	set("oneofIndex", "2147483647");
	set("default_value", "");
	set("label", "LABEL_REPEATED");
	set("proto3Optional", "true");
	m = (const void *)args.message;
	cr_assert_eq(args.status.nviolations, 0);
	cr_assert_str_eq(m->name, "Zo\xc3\xab");
	cr_assert(m->has_number && m->number == -7);
	cr_assert(m->has_oneof_index && m->oneof_index == INT32_MAX);
	cr_assert_str_eq(m->default_value, "");
	cr_assert(m->has_label &&
		  m->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED);
	cr_assert(m->has_proto3_optional && m->proto3_optional);
	cr_assert_null(m->json_name);
}

Test(http_args, a_repeated_key_repeats, .fini = finish)
{
	const Google__Protobuf__FileDescriptorProto *m;
	char text[16];

	begin(&google__protobuf__file_descriptor_proto__descriptor);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		set("dependency", text);
		set("publicDependency", text);
	}
	m = (const void *)args.message;
	cr_assert_eq(args.status.nviolations, 0);
	cr_assert_eq(m->n_dependency, 100);
	cr_assert_eq(m->n_public_dependency, 100);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cr_assert_str_eq(m->dependency[i], text);
		cr_assert_eq(m->public_dependency[i], i);
	}
}

Test(http_args, doubles_and_64_bits, .fini = finish)
{
	const Google__Protobuf__UninterpretedOption *m;

	begin(&google__protobuf__uninterpreted_option__descriptor);
	set("doubleValue", "1.5e3");
	set("negativeIntValue", "-9223372036854775808");
	m = (const void *)args.message;
	cr_assert_eq(args.status.nviolations, 0);
	cr_assert_eq(m->double_value, 1500.0);
	cr_assert_eq(m->negative_int_value, INT64_MIN);
	set("stringValue", "bytes");
	set("name", "message");
	cr_assert_eq(args.status.nviolations, 2);
}

Test(http_args, bad_values_name_their_field, .fini = finish)
{
	static const char *const bad[][2] = {
		{ "number", "" },         { "number", "x" },      { "number", "1x" },
		{ "number", " 1" },       { "number", "1.0" },    { "number", "2147483648" },
		{ "number", "99999999999999999999" },             { "number", "0x10" },
		{ "number", "-" },        { "label", "repeated" }, { "proto3Optional", "1" },
		{ "name", "\xff" },       { "nope", "1" },        { "options", "{}" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_expect_neq(*wrong(bad[i][0], bad[i][1]), 0, "%s=%s was taken", bad[i][0],
			      bad[i][1]);
		arena_reset(&arena);
	}
	cr_expect_str_eq(wrong("number", "12"), "");
}

Test(http_args, a_singular_argument_comes_once, .fini = finish)
{
	begin(&google__protobuf__field_descriptor_proto__descriptor);
	set("name", "");
	set("name", "b");
	set("number", "1");
	set("number", "1");
	cr_assert_eq(args.status.nviolations, 2);
	cr_assert_str_eq(args.status.violations[0].field, "name");
	cr_assert_str_eq(args.status.violations[1].field, "number");
}

Test(http_args, a_name_or_value_that_is_no_text_is_not_repeated, .fini = finish)
{
	begin(&google__protobuf__field_descriptor_proto__descriptor);
	http_args_set(&args, (struct slice){ "a\0b", 3 }, SLICE("1"));
	http_args_set(&args, SLICE("name"), (struct slice){ "a\0b", 3 });
	cr_assert_eq(args.status.nviolations, 2);
	cr_assert_str_eq(args.status.violations[0].field, "");
}

Test(http_args, violations_stop_at_their_ceiling, .fini = finish)
{
	begin(&google__protobuf__field_descriptor_proto__descriptor);
	for (int i = 0; i < 3 * CALL_MAX_VIOLATIONS; i++)
		set("nope", "1");
	cr_assert_eq(args.status.nviolations, CALL_MAX_VIOLATIONS);
}
