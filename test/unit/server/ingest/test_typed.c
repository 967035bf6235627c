#include "server/ingest/anonymize.h"
#include "server/ingest/event_table.h"
#include "server/ingest/reject.h"
#include "server/ingest/typed.h"
#include "test/unit/server/ingest/judging.h"

#define URL "type.googleapis.com/"
#define PREFIX URL "api.analytics.v1."

/* -- one content in three forms, made from a message's descriptor ---------------------------------- */

struct forms {
	struct text wire, v2, v1;
	const ProtobufCMessageDescriptor *top;
};

static const struct {
	const char *name, *value;
} strings[] = {
	{ "event_id", "e-1" },
	{ "timestamp", "2026-11-23T18:00:00Z" },
	{ "promised_at", "2026-11-25T12:00:00+02:00" },
	{ "currency", "EUR" },
	{ "new_status", "CONFIRMED" },
	{ "email", "jane.roe@example.com" },
	{ "ip_address", "2001:db8:1:2::9" },
	{ "user_agent", "Mozilla/5.0 (X11; Linux x86_64) Probe/1.0" },
	{ "name", "J\xc3\xbcrgen \"Roe\"" },
	{ "customer_name", "Jane Roe" },
	{ "phone", "+15550107" },
};

static const char *string_of(const char *name)
{
	char *made = kept(strlen(name) + 10);

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (strcmp(strings[i].name, name) == 0)
			return strings[i].value;
	snprintf(made, strlen(name) + 10, "%s-\xc3\xa9\t1", name); /* until the process ends */
	return made;
}

static void put_varint(struct text *t, uint64_t v)
{
	for (; v > 127; v >>= 7)
		text_putc(t, (char)(v | 128));
	text_putc(t, (char)v);
}

static void put_bytes(struct text *t, unsigned number, struct slice s)
{
	put_varint(t, number << 3 | 2);
	put_varint(t, s.n);
	text_slice(t, s);
}

static void put_money(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	int64_t minor = 1005 + 100 * (int64_t)field->id;
	struct text sub;

	text_init(&sub, f->wire.a, 16);
	put_varint(&sub, 1 << 3);
	put_varint(&sub, (uint64_t)minor);
	put_bytes(&sub, 2, SLICE("EUR"));
	put_bytes(&f->wire, field->id, text_done(&sub));
	text_puts(&f->v2, "{\"amount\":");
	text_int(&f->v2, minor);
	text_puts(&f->v2, ",\"currency\":\"EUR\"}");
	text_decimal(&f->v1, minor, 2);
}

static void put_integer(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	put_varint(&f->wire, field->id << 3);
	put_varint(&f->wire, field->id);
	text_int(&f->v2, field->id);
	text_int(&f->v1, field->id);
}

static void put_object(struct forms *f, const ProtobufCMessageDescriptor *d);

/* A message's bytes as a field; its JSON is put by put_object. */
static void put_nested(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	struct text outer = f->wire;

	text_init(&f->wire, outer.a, 64);
	put_object(f, field->descriptor);
	put_bytes(&outer, field->id, text_done(&f->wire));
	f->wire = outer;
}

/* v1 has no context: its fields stand among the others, where they do not anyway. */
static void put_context(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *d = field->descriptor;
	struct text sub;

	text_init(&sub, f->wire.a, 64);
	text_putc(&f->v2, '{');
	for (unsigned i = 0; i < d->n_fields; i++) {
		const char *name = d->fields[i].name, *value = string_of(name);

		put_bytes(&sub, d->fields[i].id, slice_of(value));
		anonymize_key(&f->v2, slice_of(name));
		text_json(&f->v2, slice_of(value));
		if (protobuf_c_message_descriptor_get_field_by_name(f->top, name))
			continue;
		anonymize_key(&f->v1, slice_of(name));
		text_json(&f->v1, slice_of(value));
	}
	text_putc(&f->v2, '}');
	put_bytes(&f->wire, field->id, text_done(&sub));
}

static void put_items(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	text_putc(&f->v2, '[');
	text_putc(&f->v1, '[');
	for (int i = 0; i < 3; i++) {
		if (i) {
			text_putc(&f->v2, ',');
			text_putc(&f->v1, ',');
		}
		put_nested(f, field);
	}
	text_putc(&f->v2, ']');
	text_putc(&f->v1, ']');
}

static void put_string(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	struct slice s = slice_of(string_of(field->name));

	put_bytes(&f->wire, field->id, s);
	text_json(&f->v2, s);
	text_json(&f->v1, s);
}

static void put_field(struct forms *f, const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *d = field->descriptor;

	if (strcmp(field->name, "context") == 0) {
		anonymize_key(&f->v2, slice_of(field->name));
		put_context(f, field);
		return;
	}
	anonymize_key(&f->v2, slice_of(field->name));
	anonymize_key(&f->v1, slice_of(field->name));
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		put_items(f, field);
	else if (field->type == PROTOBUF_C_TYPE_STRING)
		put_string(f, field);
	else if (field->type == PROTOBUF_C_TYPE_INT64)
		put_integer(f, field);
	else if (strcmp(d->short_name, "Money") == 0)
		put_money(f, field);
	else
		put_nested(f, field);
}

static void put_object(struct forms *f, const ProtobufCMessageDescriptor *d)
{
	text_putc(&f->v2, '{');
	text_putc(&f->v1, '{');
	for (unsigned i = 0; i < d->n_fields; i++)
		if (strcmp(d->fields[i].name, "properties") != 0)
			put_field(f, &d->fields[i]);
	if (d == f->top) {
		put_bytes(&f->wire, 4, SLICE("\n\4note\22\2it"));
		put_bytes(&f->wire, 4, SLICE("\n\12first_name\22\4Jane"));
		text_puts(&f->v2, ",\"note\":\"it\",\"first_name\":\"Jane\",\"schema_version\":\"v2\"");
		text_puts(&f->v1, ",\"note\":\"it\",\"first_name\":\"Jane\"");
	}
	text_putc(&f->v2, '}');
	text_putc(&f->v1, '}');
}

static struct forms forms_of(const struct typed_row *row, struct arena *a)
{
	struct forms f = { .top = row->message };

	text_init(&f.wire, a, 1024);
	text_init(&f.v2, a, 1024);
	text_init(&f.v1, a, 1024);
	put_object(&f, row->message);
	cr_assert(!f.wire.failed && !f.v2.failed && !f.v1.failed);
	return f;
}

/* -- judging them ------------------------------------------------------------------------------------ */

static struct slice cloud_event(struct arena *a, const char *type, struct slice any)
{
	struct text t;

	text_init(&t, a, 1024);
	put_bytes(&t, 1, SLICE("i"));
	put_bytes(&t, 2, SLICE("src"));
	put_bytes(&t, 3, SLICE("1.0"));
	put_bytes(&t, 4, slice_of(type));
	put_bytes(&t, 5, SLICE("\n\4time\22\26\32\24" NOW_TEXT));
	put_bytes(&t, 5, SLICE("\n\5topic\22\25\32\23analytics.page_view"));
	put_bytes(&t, 8, any);
	return text_done(&t);
}

static struct judged judge_any(const char *type, struct slice any)
{
	struct event_rules rules = judging_rules();
	struct judged j = { .stored = false };
	struct slice wire;

	arena_init(&j.arena, 64 << 20);
	wire = cloud_event(&j.arena, type, any);
	j.stored = event_decode_proto(&j.arena, wire, SLICE("PublishEvents"), &j.in, &j.rej) &&
		   event_judge(&j.arena, &j.in, &rules, &j.row, &j.rej);
	return j;
}

static struct judged judge_typed(const char *type, const char *url, struct slice message)
{
	struct arena a;
	struct judged j;
	struct text any;

	arena_init(&a, 4 << 20);
	text_init(&any, &a, 1024);
	put_bytes(&any, 1, slice_of(url));
	put_bytes(&any, 2, message);
	j = judge_any(type, text_done(&any)); /* which copies it */
	arena_reset(&a);
	return j;
}

static void same_slice(const char *topic, const char *column, struct slice a, struct slice b)
{
	cr_assert(a.n == b.n && !a.p == !b.p && slice_eq(a, b), "%s, %s: \"%s\" and \"%s\"", topic, column, str(a),
		  str(b));
}

static void same_row(const char *topic, const struct event_row *a, const struct event_row *b)
{
#define SAME(column) same_slice(topic, #column, a->column, b->column)
	SAME(event_id);
	SAME(event_type);
	SAME(event_source);
	SAME(trace_id);
	SAME(cart_id);
	SAME(session_id);
	SAME(customer_id);
	SAME(order_id);
	SAME(product_id);
	SAME(currency);
	SAME(status);
	SAME(ip_address);
	SAME(user_agent);
	SAME(email);
	SAME(pii_key_id);
	SAME(items);
	SAME(properties);
#undef SAME
	cr_assert(memcmp(&a->key, &b->key, sizeof(a->key)) == 0, "%s: key", topic);
	cr_assert(memcmp(a->digest, b->digest, sizeof(a->digest)) == 0, "%s: digest", topic);
	cr_assert_eq(a->created_at_us, b->created_at_us);
	cr_assert_eq(a->received_at_us, b->received_at_us);
	cr_assert_eq(a->has_entity, b->has_entity);
	cr_assert(!a->has_entity || memcmp(&a->entity, &b->entity, sizeof(a->entity)) == 0, "%s: entity", topic);
	cr_assert_eq(a->has_amount, b->has_amount);
	if (a->has_amount) {
		cr_assert_eq(a->amount.minor, b->amount.minor);
		cr_assert_eq(a->amount.scale, b->amount.scale);
	}
}

static struct judged judge_json(const char *topic, struct text data)
{
	return judge_data(topic, str((struct slice){ data.p + 1, data.n - 2 }));
}

Test(typed, every_topic_stores_the_same_row_from_all_three_forms)
{
	size_t n, rows;
	const struct topic *topics = event_topics(&n);
	const struct typed_row *row = typed_rows(&rows);

	cr_assert_eq(n, rows);
	for (size_t i = 0; i < n; i++) {
		const char *topic = str(topics[i].name);
		struct judged typed, v2, v1;
		struct arena a;
		struct forms f;

		arena_init(&a, 1 << 20);
		cr_assert(slice_eq(topics[i].name, row[i].topic), "%s", topic);
		f = forms_of(&row[i], &a);
		typed = judge_typed(topic, row[i].message->name, text_done(&f.wire));
		v2 = judge_json(topic, f.v2);
		v1 = judge_json(topic, f.v1);
		cr_assert(typed.stored, "%s: %s %s", topic, typed.rej.field, typed.rej.message);
		cr_assert(v2.stored, "%s: %s %s", str(text_done(&f.v2)), v2.rej.field, v2.rej.message);
		cr_assert(v1.stored, "%s: %s %s", str(text_done(&f.v1)), v1.rej.field, v1.rej.message);
		same_row(topic, &typed.row, &v2.row);
		same_row(topic, &typed.row, &v1.row);
		same_slice(topic, "schema_version", typed.row.schema_version, v2.row.schema_version);
		cr_assert(slice_is(typed.row.schema_version, "v2") && slice_is(v1.row.schema_version, "v1"));
		cr_assert(typed.row.properties.n > 2 && slice_has(typed.row.properties, "\"note\":\"it\""));
		cr_assert(!slice_has(typed.row.properties, "Jane"));
		judged_free(&typed);
		judged_free(&v2);
		judged_free(&v1);
		arena_reset(&a);
	}
}

/* What the reader takes for granted about events.proto. */
static void check_message(const ProtobufCMessageDescriptor *d, unsigned depth)
{
	cr_assert(depth < 4 && d->n_fields <= 32, "%s", d->name);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		bool map = strcmp(f->name, "properties") == 0;

		cr_assert(f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_INT64 ||
			  f->type == PROTOBUF_C_TYPE_MESSAGE, "%s.%s", d->name, f->name);
		cr_assert(f->label != PROTOBUF_C_LABEL_REQUIRED);
		cr_assert(f->label != PROTOBUF_C_LABEL_REPEATED || (depth == 0 && f->type == PROTOBUF_C_TYPE_MESSAGE),
			  "%s.%s", d->name, f->name);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE && !map)
			check_message(f->descriptor, depth + 1);
	}
}

Test(typed, every_message_has_the_fields_that_its_topic_requires)
{
	static const char *const common[] = { "event_id", "timestamp", "context", "properties" };
	size_t n, rows;
	const struct topic *t = event_topics(&n);
	const struct typed_row *row = typed_rows(&rows);

	cr_assert_eq(n, rows);
	for (size_t i = 0; i < n; i++) {
		const ProtobufCMessageDescriptor *d = row[i].message;

		check_message(d, 0);
		cr_assert_eq(typed_find(slice_of(d->name)), &row[i]);
		for (unsigned k = 0; k < 4; k++)
			cr_assert_eq(protobuf_c_message_descriptor_get_field_by_name(d, common[k])->id, k + 1);
		for (unsigned k = 0; t[i].required[k] != F_NONE; k++)
			cr_assert(protobuf_c_message_descriptor_get_field_by_name(
					  d, field_rows[t[i].required[k]].name.p), "%s.%s", d->name,
				  field_rows[t[i].required[k]].name.p);
	}
}

/* -- one message of page_view (page_url = 5, session_id = 6, context = 3, properties = 4) ------------- */

#define PAGE "analytics.page_view"
#define PAGE_OK "*\1/2\1s"
#define BYTES(lit) { lit, sizeof(lit) - 1 }

static const struct {
	const char *type, *url;
	struct slice message;
	enum reject_code code; /* REJECT_NONE: stored */
	const char *field;
} pages[] = {
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK), REJECT_NONE, "" },
	{ PAGE, "api.analytics.v1.PageView", BYTES(PAGE_OK), REJECT_NONE, "" },
	{ PAGE, "a/b/api.analytics.v1.PageView", BYTES(PAGE_OK), REJECT_NONE, "" },
	{ "com.dapr.event.sent", PREFIX "PageView", BYTES(PAGE_OK), REJECT_NONE, "" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\232\6\1x\240\6\1"), REJECT_NONE, "" }, /* of a later version */
	{ PAGE, PREFIX "PageView", BYTES("*\1/\32\3\n\1s"), REJECT_NONE, "" },  /* session_id from context */
	{ PAGE, PREFIX "PageView", BYTES("*\1/\32\5*\3app\32\3\n\1s"), REJECT_NONE, "" }, /* context in two parts */
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\0"), REJECT_NONE, "" },            /* an empty property */
	{ PAGE, PREFIX "PageView", BYTES("2\1s\"\15\n\10page_url\22\1/"), REJECT_NONE, "" },
	/* no message */
	{ PAGE, PREFIX "PageView", BYTES("*\5/"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "*"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES("*\1\377" "2\1s"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES("*\1\0" "2\1s"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES("(\1" "2\1s"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\30\1"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\32\3\n\5s"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\32\3\n\1\377"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "+"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\2\1"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK " \1"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\3\n\1\377"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\2\10\1"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\15\n\10page_url\22\1/"), REJECT_MALFORMED_JSON, "data" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\24\n\16schema_version\22\2v1"), REJECT_MALFORMED_JSON, "data" },
	/* messages that say too little, or what is not so */
	{ PAGE, PREFIX "PageView", BYTES(""), REJECT_MISSING_FIELD, "data.page_url" },
	{ PAGE, PREFIX "PageView", BYTES("*\1/2\0"), REJECT_MISSING_FIELD, "data.context.session_id" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\"\14\n\7context\22\1x"), REJECT_INVALID_FIELD, "data.context" },
	{ PAGE, PREFIX "PageView", BYTES(PAGE_OK "\22\1x"), REJECT_INVALID_FIELD, "data.timestamp" },
	{ PAGE, PREFIX "ProductViewed", BYTES(PAGE_OK), REJECT_INVALID_FIELD, "data" },
	{ "com.dapr.event.sent", PREFIX "ProductViewed", BYTES(PAGE_OK), REJECT_INVALID_FIELD, "data" },
	{ PAGE, PREFIX "Money", BYTES(""), REJECT_INVALID_FIELD, "data" },
	{ PAGE, URL "google.protobuf.Struct", BYTES(""), REJECT_INVALID_FIELD, "data" },
	{ PAGE, "", BYTES(PAGE_OK), REJECT_INVALID_FIELD, "data" },
	{ "no.such.type", PREFIX "PageView", BYTES(PAGE_OK), REJECT_UNKNOWN_EVENT_TYPE, "type" },
	{ "", PREFIX "PageView", BYTES(PAGE_OK), REJECT_MISSING_ENVELOPE_FIELD, "type" },
	{ "", PREFIX "NoSuchThing", BYTES(PAGE_OK), REJECT_MISSING_ENVELOPE_FIELD, "type" },
};

INDEX_PARAMETERS(typed, a_page_view, pages)
ParameterizedTest(size_t *i, typed, a_page_view)
{
	struct judged j = judge_typed(pages[*i].type, pages[*i].url, pages[*i].message);
	enum reject_code code = j.stored ? REJECT_NONE : j.rej.code;

	cr_assert_eq(code, pages[*i].code, "case %zu: %s %s: %s", *i, reject_name(code), j.rej.field, j.rej.message);
	if (code == REJECT_NONE) {
		cr_assert(slice_is(j.row.event_type, "page_view") && slice_is(j.row.session_id, "s"));
	} else {
		cr_assert_str_eq(j.rej.field, pages[*i].field);
		cr_assert(letter_of(&j).payload.n);
	}
	judged_free(&j);
}

/* The same content as JSON is rejected in the same way. */
static const struct {
	const char *type, *url;
	struct slice message;
	const char *json;
} twins[] = {
	{ "cart.item_added", PREFIX "CartItemAdded", BYTES("*\1p0\377\377\377\377\377\377\377\377\377\1"),
	  "\"product_id\":\"p\",\"quantity\":-1" },
	{ "cart.item_added", PREFIX "CartItemAdded", BYTES("*\1p0\0"), "\"product_id\":\"p\",\"quantity\":0" },
	{ "cart.item_added", PREFIX "CartItemAdded", BYTES("*\1p"), "\"product_id\":\"p\"" },
	{ "cart.item_added", PREFIX "CartItemAdded",
	  BYTES("*\1p0\1b\20\10\377\377\377\377\377\377\377\377\377\1\22\3EUR"),
	  "\"product_id\":\"p\",\"quantity\":1,\"price_amount\":{\"amount\":-1,\"currency\":\"EUR\"}" },
	{ "cart.item_added", PREFIX "CartItemAdded", BYTES("*\1p0\1b\2\10\1"),
	  "\"product_id\":\"p\",\"quantity\":1,\"price_amount\":{\"amount\":1}" },
	{ "cart.item_added", PREFIX "CartItemAdded", BYTES("*\1p0\1b\7\10\1\22\3EURj\3USD"),
	  "\"product_id\":\"p\",\"quantity\":1,\"price_amount\":{\"amount\":1,\"currency\":\"EUR\"},\"currency\":"
	  "\"USD\"" },
	{ "checkout.started", PREFIX "CheckoutStarted", BYTES("*\1cZ\0"), "\"cart_id\":\"c\",\"items\":[{}]" },
	{ "checkout.started", PREFIX "CheckoutStarted", BYTES("*\1cZ\16\n\1p\30\1\"\7\10\1\22\3EURZ\5\n\1p\30\1"),
	  "\"cart_id\":\"c\",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":{\"amount\":1,\"currency\":"
	  "\"EUR\"}},{\"product_id\":\"p\",\"quantity\":1}]" },
	{ "checkout.started", PREFIX "CheckoutStarted", BYTES("*\1cZ\16\n\1p\30\1\"\7\10\1\22\3eur"),
	  "\"cart_id\":\"c\",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":{\"amount\":1,\"currency\":"
	  "\"eur\"}}]" },
	{ "customer.registered", PREFIX "CustomerRegistered", BYTES(""), "" },
};

INDEX_PARAMETERS(typed, a_bad_value_is_named_as_in_json, twins)
ParameterizedTest(size_t *i, typed, a_bad_value_is_named_as_in_json)
{
	char *json = malloc(strlen(twins[*i].json) + 40);
	struct judged typed = judge_typed(twins[*i].type, twins[*i].url, twins[*i].message), v2;

	cr_assert(json);
	snprintf(json, strlen(twins[*i].json) + 40, "\"schema_version\":\"v2\"%s%s", *twins[*i].json ? "," : "",
		 twins[*i].json);
	v2 = judge_data(twins[*i].type, json);
	cr_assert(!typed.stored && !v2.stored, "case %zu", *i);
	cr_assert_eq(typed.rej.code, v2.rej.code, "case %zu: %s, %s", *i, typed.rej.message, v2.rej.message);
	cr_assert_str_eq(typed.rej.field, v2.rej.field, "case %zu", *i);
	cr_assert_str_eq(typed.rej.message, v2.rej.message, "case %zu", *i);
	judged_free(&typed);
	judged_free(&v2);
	free(json);
}

Test(typed, of_a_field_that_comes_twice_the_last_counts)
{
	struct judged j = judge_typed(PAGE, PREFIX "PageView",
				      SLICE("*\1a*\1b2\1s\"\6\n\1k\22\1""1\"\6\n\1l\22\1x\"\6\n\1k\22\1""2"));

	cr_assert(j.stored, "%s %s", j.rej.field, j.rej.message);
	cr_assert_str_eq(str(j.row.properties), "{\"page_url\":\"b\",\"l\":\"x\",\"k\":\"2\"}");
	judged_free(&j);
}

Test(typed, a_broken_any_is_malformed)
{
	static const struct slice broken[] = { BYTES("\n\377"), BYTES("\10\1"), BYTES("\n\1x\22\177"),
					       BYTES("\n\1x\20\1"), BYTES("\13") };

	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct judged j = judge_any(PAGE, broken[i]);

		cr_assert(!j.stored && j.rej.code == REJECT_MALFORMED_JSON, "%zu", i);
		cr_assert_str_eq(j.rej.field, "data");
		judged_free(&j);
	}
}

Test(typed, what_is_not_understood_keeps_no_name)
{
	struct slice messages[] = { SLICE("2\1c:\10Jane RoeB\5+1234*\5"), SLICE("2\10Jane Roe*\1\377") };

	for (int i = 0; i < 2; i++) {
		struct judged j = judge_typed("customer.registered", PREFIX "CustomerRegistered", messages[i]);
		struct dead_letter l;

		cr_assert(!j.stored && j.rej.code == REJECT_MALFORMED_JSON);
		l = letter_of(&j);
		cr_assert(slice_has(l.payload, "customer.registered"), "%s", str(l.payload));
		cr_assert(!slice_has(l.payload, "Roe") && !slice_has(l.payload, "1234"), "%s", str(l.payload));
		judged_free(&j);
	}
}

Test(typed, nor_does_an_event_cut_short)
{
	struct event_rules rules = judging_rules();
	struct judged j = { .stored = false };
	struct dead_letter l;
	struct slice wire;

	arena_init(&j.arena, 64 << 20);
	wire = cloud_event(&j.arena, "customer.registered",
			   SLICE("\n\63" PREFIX "CustomerRegistered\22\12:\10Jane Roe"));
	wire.n--;
	cr_assert(!event_decode_proto(&j.arena, wire, SLICE("PublishEvents"), &j.in, &j.rej));
	cr_assert_eq(j.rej.code, REJECT_MALFORMED_JSON);
	cr_assert(event_letter(&j.arena, &j.in, &rules, &j.rej, &l));
	cr_assert(!slice_has(l.payload, "Jane") && !slice_has(l.payload, "Ro"), "%s", str(l.payload));
	judged_free(&j);
}

/* A dead letter is judged again as JSON, and must be the same event then. */
Test(typed, a_letter_holds_the_event_with_its_version)
{
	struct judged j = judge_typed("no.such.type", PREFIX "PageView", SLICE(PAGE_OK "\"\6\n\1k\22\1v"));
	struct judged other = judge_typed(PAGE, PREFIX "ProductViewed", SLICE(PAGE_OK "*\1p"));
	struct slice payload = letter_of(&j).payload;
	struct judged again;

	cr_assert(slice_has(payload, "\"data\":{\"schema_version\":\"v2\",\"page_url\":\"/\",\"session_id\":\"s\","
				     "\"k\":\"v\"}"), "%s", str(payload));
	payload = letter_of(&other).payload;
	again = judge_slice(payload);
	cr_assert(!again.stored, "%s", str(payload));
	judged_free(&again);
	judged_free(&j);
	judged_free(&other);
}

Test(typed, many_properties_and_items_take_linear_time_and_little_memory)
{
	struct judged j;
	struct arena a;
	struct text t;

	arena_init(&a, 16 << 20);
	text_init(&t, &a, 1 << 20);
	for (unsigned i = 0; t.n < 500000; i++)
		put_bytes(&t, 4, (struct slice){ "\n\1k", i % 2 ? 3 : 0 });
	put_bytes(&t, 5, SLICE("/"));
	put_bytes(&t, 6, SLICE("s"));
	j = judge_typed(PAGE, PREFIX "PageView", text_done(&t));
	cr_assert(j.stored, "%s %s", j.rej.field, j.rej.message);
	cr_assert_str_eq(str(j.row.properties), "{\"page_url\":\"/\",\"\":\"\",\"k\":\"\"}");
	judged_free(&j);
	t.n = 0;
	put_bytes(&t, 5, SLICE("c"));
	while (t.n < 500000)
		put_bytes(&t, 11, SLICE(""));
	j = judge_typed("checkout.started", PREFIX "CheckoutStarted", text_done(&t));
	cr_assert(!j.stored);
	cr_assert_str_eq(j.rej.field, "data.items[0].product_id");
	judged_free(&j);
	arena_reset(&a);
}
