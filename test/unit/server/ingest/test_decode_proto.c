#include "io/cloudevents/v1/cloudevents.pb-c.h"

#include "test/unit/server/ingest/judging.h"

typedef Io__Cloudevents__V1__CloudEvent event_message;
typedef Io__Cloudevents__V1__CloudEvent__AttributesEntry entry_message;
typedef Io__Cloudevents__V1__CloudEvent__CloudEventAttributeValue value_message;
#define ATTR(X) IO__CLOUDEVENTS__V1__CLOUD_EVENT__CLOUD_EVENT_ATTRIBUTE_VALUE__ATTR_CE_##X
#define DATA "{\"page_url\":\"/\",\"session_id\":\"s\"}"

/* An event as another implementation packs it. */
struct packed {
	event_message event;
	entry_message time, topic, *attributes[2];
	value_message instant, name;
	Google__Protobuf__Timestamp at;
	uint8_t bytes[2000];
	size_t n;
};

static void pack(struct packed *p)
{
	io__cloudevents__v1__cloud_event__init(&p->event);
	io__cloudevents__v1__cloud_event__attributes_entry__init(&p->time);
	io__cloudevents__v1__cloud_event__attributes_entry__init(&p->topic);
	io__cloudevents__v1__cloud_event__cloud_event_attribute_value__init(&p->instant);
	io__cloudevents__v1__cloud_event__cloud_event_attribute_value__init(&p->name);
	google__protobuf__timestamp__init(&p->at);
	p->at.seconds = NOW_US / 1000000 - 60;
	p->at.nanos = 250000999;
	p->instant.attr_case = ATTR(TIMESTAMP);
	p->instant.ce_timestamp = &p->at;
	p->time.key = "time";
	p->time.value = &p->instant;
	p->name.attr_case = ATTR(STRING);
	p->name.ce_string = "analytics.page_view";
	p->topic.key = "topic";
	p->topic.value = &p->name;
	p->attributes[0] = &p->time;
	p->attributes[1] = &p->topic;
	p->event.id = "i";
	p->event.source = "src";
	p->event.spec_version = "1.0";
	p->event.type = "com.dapr.event.sent";
	p->event.attributes = p->attributes;
	p->event.n_attributes = 2;
	p->event.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_TEXT_DATA;
	p->event.text_data = DATA;
}

static struct slice bytes_of(struct packed *p)
{
	p->n = io__cloudevents__v1__cloud_event__pack(&p->event, p->bytes);
	return (struct slice){ (const char *)p->bytes, p->n };
}

static struct judged judge_wire(struct slice wire)
{
	struct event_rules rules = judging_rules();
	struct judged j = { .stored = false };

	arena_init(&j.arena, 64 << 20);
	j.stored = event_decode_proto(&j.arena, wire, SLICE("PublishEvents"), &j.in, &j.rej) &&
		   event_judge(&j.arena, &j.in, &rules, &j.row, &j.rej);
	return j;
}

Test(decode_proto, text_data)
{
	struct packed p;
	struct judged j;

	pack(&p);
	j = judge_wire(bytes_of(&p));
	cr_assert(j.stored, "%s %s", reject_name(j.rej.code), j.rej.field);
	cr_assert_str_eq(str(j.row.event_id), "i");
	cr_assert_str_eq(str(j.row.event_type), "page_view");
	cr_assert_eq(j.row.created_at_us, NOW_US - 60000000 + 250000);
	cr_assert_str_eq(str(j.in.raw), DATA);
	judged_free(&j);
}

Test(decode_proto, every_way_in_makes_the_same_row)
{
	struct packed p;
	struct judged a, b;

	pack(&p);
	p.event.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_BINARY_DATA;
	p.event.binary_data = (ProtobufCBinaryData){ strlen(DATA), (uint8_t *)DATA };
	a = judge_wire(bytes_of(&p));
	b = judge_text("{\"id\":\"i\",\"source\":\"src\",\"type\":\"analytics.page_view\","
		       "\"time\":\"2026-11-23T18:14:00.250000Z\",\"data\":" DATA "}");
	cr_assert(a.stored && b.stored);
	cr_assert_eq(memcmp(a.row.key.b, b.row.key.b, 16), 0);
	cr_assert_eq(memcmp(a.row.digest, b.row.digest, 16), 0);
	cr_assert(slice_eq(a.row.properties, b.row.properties));
	judged_free(&a);
	judged_free(&b);
}

Test(decode_proto, an_event_cut_short_is_malformed_or_lacks_something)
{
	struct packed p;
	struct slice whole;
	unsigned malformed = 0;

	pack(&p);
	whole = bytes_of(&p);
	for (size_t n = 0; n < whole.n; n++) {
		struct judged j = judge_wire((struct slice){ whole.p, n });

		cr_assert_not(j.stored, "%zu bytes", n);
		malformed += j.rej.code == REJECT_MALFORMED_JSON;
		letter_of(&j);
		judged_free(&j);
	}
	cr_assert_gt(malformed, whole.n / 2);
}

Test(decode_proto, bad_text_and_typed_data_are_refused)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct packed p;
	struct judged j;

	pack(&p);
	p.event.id = "\xff";
	j = judge_wire(bytes_of(&p));
	cr_assert_eq(j.rej.code, REJECT_MALFORMED_JSON);
	judged_free(&j);
	pack(&p);
	p.event.text_data = "{";
	j = judge_wire(bytes_of(&p));
	cr_assert_eq(j.rej.code, REJECT_MALFORMED_JSON);
	cr_assert_str_eq(j.rej.field, "data");
	judged_free(&j);
	pack(&p);
	p.at.nanos = -1;
	j = judge_wire(bytes_of(&p));
	cr_assert_eq(j.rej.code, REJECT_INVALID_FIELD);
	cr_assert_str_eq(j.rej.field, "time");
	judged_free(&j);
	pack(&p);
	p.event.type = "analytics.page_view";
	p.event.data_case = IO__CLOUDEVENTS__V1__CLOUD_EVENT__DATA_PROTO_DATA;
	p.event.proto_data = &any;
	j = judge_wire(bytes_of(&p));
	cr_assert_eq(j.rej.code, REJECT_INVALID_FIELD);
	cr_assert_str_eq(j.rej.field, "data");
	judged_free(&j);
}

Test(decode_proto, walks_a_request)
{
	static const char request[] = "\x0a\x03""abc" "\x12\x01x" "\x0a\x00" "\x18\x05" "\x0a\x01z";
	struct slice r = { request, sizeof(request) - 1 }, e;
	bool bad = true;
	size_t at = 0;

	cr_assert(event_next_proto(r, &at, &e, &bad) && slice_is(e, "abc"));
	cr_assert(event_next_proto(r, &at, &e, &bad) && e.n == 0);
	cr_assert(event_next_proto(r, &at, &e, &bad) && slice_is(e, "z"));
	cr_assert_not(event_next_proto(r, &at, &e, &bad));
	cr_assert_not(bad);
}

static const struct {
	const char *bytes;
	size_t n;
} bad_requests[] = {
	{ "\x0a\x05""abc", 5 }, { "\x0a", 1 }, { "\x08\x01", 2 }, { "\x0b", 1 }, { "\x00", 1 },
	{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 },
	{ "\x15\x01", 2 }, { "\x11\x01", 2 },
};
INDEX_PARAMETERS(decode_proto, bad_request, bad_requests)
ParameterizedTest(size_t *i, decode_proto, bad_request)
{
	struct slice r = { bad_requests[*i].bytes, bad_requests[*i].n }, e;
	bool bad = false;
	size_t at = 0;

	while (event_next_proto(r, &at, &e, &bad))
		;
	cr_assert(bad);
}
