#include "server/http/json_print.h"

#include "api/analytics/v1/analytics.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "io/cloudevents/v1/cloudevents.pb-c.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect(const ProtobufCMessage *m, const char *want)
{
	struct buf b;

	buf_init(&b, 65536);
	json_print(&b, m);
	cr_assert_not(b.failed);
	cr_assert_eq(b.n, strlen(want), "got %.*s", (int)b.n, b.p);
	cr_assert(memcmp(b.p, want, b.n) == 0, "got %.*s, want %s", (int)b.n, b.p, want);
	buf_reset(&b);
}

Test(json_print, names_are_lower_camel_case)
{
	char name[JSON_NAME_BYTES];

	json_name("total_revenue", name);
	cr_assert_str_eq(name, "totalRevenue");
	json_name("id", name);
	cr_assert_str_eq(name, "id");
	json_name("a_2_b", name);
	cr_assert_str_eq(name, "a2B");
}

Test(json_print, absent_is_left_out_and_zero_is_printed)
{
	Api__Analytics__V1__TrendPoint p = API__ANALYTICS__V1__TREND_POINT__INIT;

	expect(&p.base, "{}");
	p.date = (char *)"";
	p.has_revenue = p.has_orders = p.has_final = 1;
	expect(&p.base, "{\"date\":\"\",\"revenue\":0,\"orders\":\"0\",\"final\":false}");
}

Test(json_print, lists_are_always_there_and_messages_when_present)
{
	Api__Analytics__V1__ConversionFunnel none = API__ANALYTICS__V1__CONVERSION_FUNNEL__INIT,
					     two = none;
	Api__Analytics__V1__FunnelStage s = API__ANALYTICS__V1__FUNNEL_STAGE__INIT,
					*list[] = { &s, &s };

	expect(&none.base, "{\"stages\":[]}");
	s.has_users = 1;
	s.users = 3;
	two.n_stages = 2;
	two.stages = list;
	expect(&two.base, "{\"stages\":[{\"users\":\"3\"},{\"users\":\"3\"}]}");
}

Test(json_print, integers_of_64_bits_are_strings)
{
	Google__Protobuf__UninterpretedOption o = GOOGLE__PROTOBUF__UNINTERPRETED_OPTION__INIT;

	o.has_positive_int_value = o.has_negative_int_value = 1;
	o.positive_int_value = UINT64_MAX;
	o.negative_int_value = INT64_MIN;
	expect(&o.base, "{\"name\":[],\"positiveIntValue\":\"18446744073709551615\","
			"\"negativeIntValue\":\"-9223372036854775808\"}");
}

Test(json_print, doubles_are_the_shortest_that_read_back)
{
	static const struct {
		double v;
		const char *want;
	} cases[] = {
		{ 0.1, "{\"revenue\":0.1}" },
		{ 0.1 + 0.2, "{\"revenue\":0.30000000000000004}" },
		{ 1234567.89, "{\"revenue\":1234567.89}" },
		{ 100, "{\"revenue\":100}" },
		{ -2.5, "{\"revenue\":-2.5}" },
		{ 1e300, "{\"revenue\":1e+300}" },
		{ NAN, "{}" },
		{ INFINITY, "{}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		Api__Analytics__V1__TrendPoint p = API__ANALYTICS__V1__TREND_POINT__INIT;

		p.has_revenue = 1;
		p.revenue = cases[i].v;
		expect(&p.base, cases[i].want);
	}
}

Test(json_print, bytes_are_base64)
{
	static const char *const want[] = { "{\"name\":[],\"stringValue\":\"\"}",
					    "{\"name\":[],\"stringValue\":\"+w==\"}",
					    "{\"name\":[],\"stringValue\":\"+/8=\"}",
					    "{\"name\":[],\"stringValue\":\"+/8A\"}" };
	uint8_t bytes[] = { 0xfb, 0xff, 0 };

	for (size_t n = 0; n < 4; n++) {
		Google__Protobuf__UninterpretedOption o =
			GOOGLE__PROTOBUF__UNINTERPRETED_OPTION__INIT;

		o.has_string_value = 1;
		o.string_value = (ProtobufCBinaryData){ n, bytes };
		expect(&o.base, want[n]);
	}
}

Test(json_print, a_plain_proto3_field_is_left_out_when_it_is_zero)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Grpc__Health__V1__HealthCheckResponse health =
		GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	info.reason = (char *)"WHY \"so\"\n";
	health.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	cr_assert_eq(info.base.descriptor->fields[0].label, PROTOBUF_C_LABEL_NONE);
	expect(&health.base, "{\"status\":\"SERVING\"}");
	health.status = 0;
	expect(&health.base, "{}");
	info.domain = (char *)"";
	struct buf b;

	buf_init(&b, 1024);
	json_print(&b, &info.base);
	buf_putc(&b, 0);
	cr_assert(strstr(b.p, "{\"reason\":\"WHY \\\"so\\\"\\n\""));
	cr_assert_null(strstr(b.p, "domain"));
	buf_reset(&b);
}

Test(json_print, of_a_oneof_only_the_chosen_field)
{
	Io__Cloudevents__V1__CloudEvent__CloudEventAttributeValue v =
		IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__INIT;

	expect(&v.base, "{}");
	v.attr_case =
		IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_INTEGER;
	v.ce_integer = 0;
	expect(&v.base, "{\"ceInteger\":0}");
	v.attr_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_STRING;
	v.ce_string = (char *)"x";
	expect(&v.base, "{\"ceString\":\"x\"}");
}

Test(json_print, stops_at_the_ceiling)
{
	Google__Protobuf__FileDescriptorProto f = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT;
	char *names[] = { (char *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
	struct buf b;

	f.n_dependency = 1;
	f.dependency = names;
	buf_init(&b, 32);
	json_print(&b, &f.base);
	cr_assert(b.failed);
	cr_assert_leq(b.n, 32);
	buf_reset(&b);
}
