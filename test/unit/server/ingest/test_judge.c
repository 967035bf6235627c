#include "test/unit/server/ingest/judging.h"

#define ORDER "orders.order.status_changed"
#define PAGE "analytics.page_view"
#define PAY "payment.payment.processed"
#define CART "cart.item_added"
#define STOCK "warehouse.inventory.stock_changed"
#define PAID "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":1"
#define PAGE_OK "\"page_url\":\"/\",\"session_id\":\"s\""
#define USD(n) "{\"amount\":" n ",\"currency\":\"USD\"}"

/* code NULL: stored */
static const struct {
	const char *topic, *members, *code, *field;
} cases[] = {
	/* what each topic requires, in the table's order */
	{ ORDER, "\"new_status\":\"PAID\"", "MISSING_FIELD", "data.order_id" },
	{ ORDER, "\"order_id\":\"o\"", "MISSING_FIELD", "data.new_status" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\"", "MISSING_FIELD", "data.total_amount" },
	{ ORDER, "\"order_id\":\"o\",\"status\":\"CONFIRMED\"", "MISSING_FIELD", "data.total_amount" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"SHIPPED\"", NULL, NULL },
	{ ORDER, "\"order_id\":\"o\",\"status\":\"SHIPPED\"", NULL, NULL },
	{ ORDER, "\"order_id\":\"\",\"new_status\":\"PAID\"", "MISSING_FIELD", "data.order_id" },
	{ ORDER, "\"order_id\":null,\"new_status\":\"PAID\"", "MISSING_FIELD", "data.order_id" },
	{ ORDER, PAID, NULL, NULL },
	{ PAY, "\"order_id\":\"o\",\"amount\":1", "MISSING_FIELD", "data.payment_id" },
	{ PAY, "\"payment_id\":\"p\",\"amount\":1", "MISSING_FIELD", "data.order_id" },
	{ PAY, "\"payment_id\":\"p\",\"order_id\":\"o\"", "MISSING_FIELD", "data.amount" },
	{ "shipping.shipment.status_changed", "\"shipment_id\":\"s\",\"order_id\":\"o\"", "MISSING_FIELD",
	  "data.new_status" },
	{ PAGE, "\"session_id\":\"s\"", "MISSING_FIELD", "data.page_url" },
	{ PAGE, "\"page_url\":\"/\"", "MISSING_FIELD", "data.session_id" },
	{ PAGE, "\"schema_version\":\"v2\",\"page_url\":\"/\"", "MISSING_FIELD", "data.context.session_id" },
	{ "product.viewed", "\"sku\":\"x\"", "MISSING_FIELD", "data.product_id" },
	{ CART, "\"product_id\":\"p\"", "MISSING_FIELD", "data.quantity" },
	{ "checkout.started", "\"order_id\":\"o\"", "MISSING_FIELD", "data.cart_id" },
	{ "checkout.started", "\"metadata\":{\"cart_id\":\"c\"}", NULL, NULL },
	{ "cart.converted", "\"cart_id\":\"c\"", "MISSING_FIELD", "data.order_id" },
	{ "customer.registered", "\"name\":\"x\"", "MISSING_FIELD", "data.customer_id" },
	{ "orders.return.approved", "\"order_id\":\"o\"", "MISSING_FIELD", "data.return_id" },
	{ "fulfillments.fulfillment.sla_breach", "\"order_id\":\"o\"", "MISSING_FIELD", "data.fulfillment_id" },
	{ STOCK, "\"sku\":\"s\",\"quantity\":1", "MISSING_FIELD", "data.warehouse_id" },
	{ "catalog.product.created", "\"product_id\":\"p\",\"sku\":\"s\"", "MISSING_FIELD", "data.name" },
	{ "promotion.usage.recorded", "\"order_id\":\"o\"", "MISSING_FIELD", "data.promotion_code" },
	{ "marketing.spend.recorded", "\"amount\":1", "MISSING_FIELD", "data.campaign" },
	/* items */
	{ ORDER, PAID ",\"items\":[]", NULL, NULL },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":1}]", NULL, NULL },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1}]", "MISSING_FIELD", "data.items[0].price" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":1},{\"quantity\":1,\"price\":1}]",
	  "MISSING_FIELD", "data.items[1].product_id" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"price\":1}]", "MISSING_FIELD", "data.items[0].quantity" },
	{ ORDER, PAID ",\"items\":{\"a\":1}", "INVALID_FIELD", "data.items" },
	{ ORDER, PAID ",\"items\":[1]", "INVALID_FIELD", "data.items[0]" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":0,\"price\":1}]", "INVALID_FIELD",
	  "data.items[0].quantity" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1.5,\"price\":1}]", "INVALID_FIELD",
	  "data.items[0].quantity" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":\"1\"}]", "INVALID_FIELD",
	  "data.items[0].price" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":1,\"cost\":-1}]", "INVALID_FIELD",
	  "data.items[0].cost" },
	{ ORDER, PAID ",\"items\":[{\"product_id\":[],\"quantity\":1,\"price\":1}]", "MISSING_FIELD",
	  "data.items[0].product_id" },
	/* money in v1 */
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":-5.0", "INVALID_FIELD",
	  "data.total_amount" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":\"5\"", "INVALID_FIELD",
	  "data.total_amount" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":1e400", "INVALID_FIELD",
	  "data.total_amount" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":" USD("1"), "INVALID_FIELD",
	  "data.total_amount" },
	{ ORDER, PAID ",\"currency\":\"usd!\"", "INVALID_FIELD", "data.currency" },
	{ ORDER, PAID ",\"currency\":\"usd\"", "INVALID_FIELD", "data.currency" },
	{ ORDER, PAID ",\"currency\":840", "INVALID_FIELD", "data.currency" },
	{ ORDER, PAID ",\"currency\":\"usd\",\"tax_amount\":-1", "INVALID_FIELD", "data.tax_amount" },
	{ ORDER, PAID ",\"gift_amount\":-1", "INVALID_FIELD", "data.gift_amount" },
	{ ORDER, PAID ",\"gift_amount\":\"1\"", "INVALID_FIELD", "data.gift_amount" },
	{ ORDER, PAID ",\"gift_amount\":1", NULL, NULL },
	{ PAY, "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":\"lots\"", "INVALID_FIELD", "data.amount" },
	/* money in v2 */
	{ PAY, "\"schema_version\":2,\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1"), NULL, NULL },
	{ PAY, "\"schema_version\":\"2.0\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1.0"), NULL, NULL },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1.5"),
	  "INVALID_FIELD", "data.amount.amount" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("\"1\""),
	  "INVALID_FIELD", "data.amount.amount" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("-1"),
	  "INVALID_FIELD", "data.amount.amount" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":1", "INVALID_FIELD",
	  "data.amount" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":{\"amount\":1}",
	  "MISSING_FIELD", "data.amount.currency" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\","
	       "\"amount\":{\"amount\":1,\"currency\":\"usd\"}", "INVALID_FIELD", "data.amount.currency" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1")
	       ",\"tax_amount\":{\"amount\":1,\"currency\":\"EUR\"}", "INVALID_FIELD", "data.tax_amount.currency" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1")
	       ",\"currency\":\"EUR\"", "INVALID_FIELD", "data.currency" },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1")
	       ",\"currency\":\"USD\"", NULL, NULL },
	{ PAY, "\"schema_version\":\"v2\",\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":" USD("1")
	       ",\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":{\"amount\":1,\"currency\":\"EUR\"}}]",
	  "INVALID_FIELD", "data.items[0].price.currency" },
	{ PAGE, "\"schema_version\":\"v2\",\"page_url\":\"/\",\"session_id\":\"s\",\"context\":7", "INVALID_FIELD",
	  "data.context" },
	{ PAGE, "\"schema_version\":\"v2\",\"page_url\":\"/\",\"context\":{\"session_id\":{\"a\":1}}",
	  "INVALID_FIELD", "data.context.session_id" },
	/* versions */
	{ PAGE, PAGE_OK ",\"schema_version\":\"v1\"", NULL, NULL },
	{ PAGE, PAGE_OK ",\"schema_version\":1", NULL, NULL },
	{ PAGE, PAGE_OK ",\"schema_version\":1.0", NULL, NULL },
	{ PAGE, PAGE_OK ",\"schema_version\":\"\"", NULL, NULL },
	{ PAGE, PAGE_OK ",\"schema_version\":null", NULL, NULL },
	{ PAGE, PAGE_OK ",\"schema_version\":\"v9\"", "UNSUPPORTED_SCHEMA_VERSION", "data.schema_version" },
	{ PAGE, PAGE_OK ",\"schema_version\":3", "UNSUPPORTED_SCHEMA_VERSION", "data.schema_version" },
	{ PAGE, PAGE_OK ",\"schema_version\":true", "UNSUPPORTED_SCHEMA_VERSION", "data.schema_version" },
	{ PAGE, "\"schema_version\":\"v9\"", "UNSUPPORTED_SCHEMA_VERSION", "data.schema_version" },
	/* identifiers, labels, counts */
	{ ORDER, "\"order_id\":77,\"new_status\":\"PENDING\"", NULL, NULL },
	{ ORDER, "\"order_id\":7.5,\"new_status\":\"PENDING\"", "INVALID_FIELD", "data.order_id" },
	{ ORDER, "\"order_id\":true,\"new_status\":\"PENDING\"", "INVALID_FIELD", "data.order_id" },
	{ ORDER, "\"order_id\":\"o\",\"new_status\":7", "INVALID_FIELD", "data.new_status" },
	{ ORDER, "\"order_id\":\"o\",\"status\":7", "INVALID_FIELD", "data.status" },
	{ CART, "\"product_id\":\"p\",\"quantity\":0", "INVALID_FIELD", "data.quantity" },
	{ CART, "\"product_id\":\"p\",\"quantity\":-1", "INVALID_FIELD", "data.quantity" },
	{ CART, "\"product_id\":\"p\",\"quantity\":\"2\"", "INVALID_FIELD", "data.quantity" },
	{ CART, "\"product_id\":\"p\",\"quantity\":1000000000", NULL, NULL },
	{ CART, "\"product_id\":\"p\",\"quantity\":1000000001", "INVALID_FIELD", "data.quantity" },
	{ CART, "\"product_id\":\"p\",\"quantity\":2.0", NULL, NULL },
	{ STOCK, "\"sku\":\"s\",\"warehouse_id\":\"w\",\"quantity\":0", NULL, NULL },
	{ STOCK, "\"sku\":\"s\",\"warehouse_id\":\"w\",\"quantity\":-1", "INVALID_FIELD", "data.quantity" },
	{ STOCK, "\"sku\":\"s\",\"warehouse_id\":\"w\",\"quantity\":1,\"minimum_stock\":-1", "INVALID_FIELD",
	  "data.minimum_stock" },
	{ STOCK, "\"sku\":\"s\",\"warehouse_id\":\"w\",\"quantity\":1,\"unit_cost\":-0.5", "INVALID_FIELD",
	  "data.unit_cost" },
	{ PAGE, PAGE_OK ",\"promised_at\":\"soon\"", "INVALID_FIELD", "data.promised_at" },
	{ PAGE, PAGE_OK ",\"promised_at\":\"2030-01-01T00:00:00Z\"", NULL, NULL },
	{ PAGE, PAGE_OK ",\"device_type\":7", "INVALID_FIELD", "data.device_type" },
	{ PAGE, PAGE_OK ",\"email\":[\"x\"]", "INVALID_FIELD", "data.email" },
	{ PAGE, PAGE_OK ",\"phone\":5550107", NULL, NULL },
	{ PAGE, PAGE_OK ",\"reason\":{\"code\":7}", "INVALID_FIELD", "data.reason.code" },
	{ PAGE, PAGE_OK ",\"metadata\":{\"cart_id\":true}", "INVALID_FIELD", "data.metadata.cart_id" },
	{ PAGE, PAGE_OK ",\"quantity\":\"unknown here\"", NULL, NULL },
	/* time */
	{ PAGE, PAGE_OK ",\"timestamp\":\"yesterday-ish\"", "INVALID_FIELD", "data.timestamp" },
	{ PAGE, PAGE_OK ",\"timestamp\":1795457700", "INVALID_FIELD", "data.timestamp" },
	{ PAGE, PAGE_OK ",\"timestamp\":\"2026-11-23T18:20:00Z\"", NULL, NULL },
	{ PAGE, PAGE_OK ",\"timestamp\":\"2026-11-23T18:20:00.000001Z\"", "TIMESTAMP_IN_FUTURE", "data.timestamp" },
	{ PAGE, PAGE_OK ",\"timestamp\":\"2026-08-25T18:15:00Z\"", NULL, NULL },
	{ PAGE, PAGE_OK ",\"timestamp\":\"2026-08-25T18:14:59.999999Z\"", "TIMESTAMP_TOO_OLD", "data.timestamp" },
	{ PAGE, PAGE_OK ",\"timestamp\":\"\"", NULL, NULL },
	/* identity */
	{ PAGE, PAGE_OK ",\"event_id\":7", NULL, NULL },
	{ PAGE, PAGE_OK ",\"event_id\":[7]", "INVALID_FIELD", "data.event_id" },
	/* the order of verdicts */
	{ "no.such.type", "\"schema_version\":\"v9\"", "UNKNOWN_EVENT_TYPE", "type" },
	{ ORDER, "\"new_status\":\"PAID\",\"currency\":\"usd!\"", "MISSING_FIELD", "data.order_id" },
	{ PAGE, PAGE_OK ",\"timestamp\":\"2030-01-01T00:00:00Z\",\"currency\":\"?\"", "INVALID_FIELD", "data.currency" },
};
INDEX_PARAMETERS(judge, data, cases)
ParameterizedTest(size_t *i, judge, data)
{
	struct judged j = judge_data(cases[*i].topic, cases[*i].members);

	if (cases[*i].code) {
		cr_assert_not(j.stored, "%s", cases[*i].members);
		cr_assert_str_eq(reject_name(j.rej.code), cases[*i].code, "%s", cases[*i].members);
		cr_assert_str_eq(j.rej.field, cases[*i].field, "%s", cases[*i].members);
		cr_assert(j.rej.message[0]);
	} else {
		cr_assert(j.stored, "%s: %s %s", cases[*i].members, reject_name(j.rej.code), j.rej.field);
	}
	judged_free(&j);
}

#define DATA "\"data\":{\"page_url\":\"/\",\"session_id\":\"s\"}"
#define BASE64_DATA "\"data_base64\":\"eyJwYWdlX3VybCI6Ii8iLCJzZXNzaW9uX2lkIjoicyJ9\""

static const struct {
	const char *event, *code, *field;
} envelopes[] = {
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\"," DATA "}", NULL, NULL },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\"," BASE64_DATA "}", NULL, NULL },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"data_base64\":\"eyJw!\"}",
	  "MALFORMED_JSON", "data_base64" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"data_base64\":\"eyJw\"}",
	  "MALFORMED_JSON", "data_base64" },
	{ "{\"source\":\"s\",\"type\":\"analytics.page_view\"," DATA "}", "MISSING_FIELD", "id" },
	{ "{\"id\":\"\",\"source\":\"s\",\"type\":\"analytics.page_view\"," DATA "}", "MISSING_FIELD", "id" },
	{ "{\"id\":null,\"type\":\"analytics.page_view\"," DATA "}", "MISSING_FIELD", "id" },
	{ "{\"source\":\"s\",\"type\":\"analytics.page_view\",\"data\":{\"event_id\":\"e\",\"page_url\":\"/\","
	  "\"session_id\":\"s\"}}", NULL, NULL },
	{ "{\"id\":\"i\",\"type\":\"analytics.page_view\"," DATA "}", "MISSING_FIELD", "source" },
	{ "{\"id\":\"i\",\"source\":\"s\"," DATA "}", "MISSING_FIELD", "type" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\"}", "MISSING_FIELD", "data" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"data\":{}}", "MISSING_FIELD", "data" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"nonsense\"}", "MISSING_FIELD", "data" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"nonsense\"," DATA "}", "UNKNOWN_EVENT_TYPE", "type" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"com.dapr.event.sent\",\"topic\":\"analytics.page_view\"," DATA "}",
	  NULL, NULL },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"com.dapr.event.sent\",\"topic\":\"dlq.analytics.analytics.page_view\","
	  DATA "}", NULL, NULL },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"com.dapr.event.sent\"," DATA "}", "UNKNOWN_EVENT_TYPE", "type" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"nonsense\",\"topic\":\"analytics.page_view\"," DATA "}",
	  "UNKNOWN_EVENT_TYPE", "type" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"data\":\"{}\"}", "INVALID_FIELD", "data" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"data\":[1]}", "INVALID_FIELD", "data" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"specversion\":\"0.3\"," DATA "}",
	  "INVALID_FIELD", "specversion" },
	{ "{\"id\":{\"a\":1},\"source\":\"s\",\"type\":\"analytics.page_view\"," DATA "}", "INVALID_FIELD", "id" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"time\":\"noon\"," DATA "}",
	  "INVALID_FIELD", "time" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"time\":\"2026-11-25T00:00:00Z\"," DATA "}",
	  "TIMESTAMP_IN_FUTURE", "time" },
	{ "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\",\"traceparent\":"
	  "\"00-00000000000000000000000000000000-0000000000000000-00\"," DATA "}", NULL, NULL },
	{ "", "MALFORMED_JSON", "" },
	{ "{", "MALFORMED_JSON", "" },
	{ "[]", "MALFORMED_JSON", "" },
	{ "{\"id\":\"i\",\"id\":\"i\"}", "MALFORMED_JSON", "" },
	{ "{\"id\":\"\\ud800\"}", "MALFORMED_JSON", "" },
	{ "{\"id\":\"\\u0000\"}", "MALFORMED_JSON", "" },
	{ "{\"id\":\"\xff\"}", "MALFORMED_JSON", "" },
};
INDEX_PARAMETERS(judge, envelope, envelopes)
ParameterizedTest(size_t *i, judge, envelope)
{
	struct judged j = judge_text(envelopes[*i].event);

	cr_assert_eq(j.stored, envelopes[*i].code == NULL, "%s: %s %s", envelopes[*i].event,
		     j.stored ? "" : reject_name(j.rej.code), j.stored ? "" : j.rej.field);
	if (envelopes[*i].code) {
		cr_assert_str_eq(reject_name(j.rej.code), envelopes[*i].code, "%s", envelopes[*i].event);
		cr_assert_str_eq(j.rej.field, envelopes[*i].field, "%s", envelopes[*i].event);
	}
	judged_free(&j);
}

/* n times c inside a page view's field */
static struct judged page_with(const char *field, size_t n, char c)
{
	char *members = malloc(n + 200), *p = members;

	p += sprintf(p, "%s\"%s\":\"", strcmp(field, "page_url") == 0 ? "\"session_id\":\"s\"," :
		     strcmp(field, "session_id") == 0 ? "\"page_url\":\"/\"," : PAGE_OK ",", field);
	memset(p, c, n);
	strcpy(p + n, "\"");
	struct judged j = judge_data(PAGE, members);
	free(members);
	return j;
}

Test(judge, identifiers_have_at_most_200_bytes)
{
	struct judged j = page_with("session_id", 200, 'x');

	cr_assert(j.stored);
	judged_free(&j);
	j = page_with("session_id", 201, 'x');
	cr_assert_eq(j.rej.code, REJECT_INVALID_FIELD);
	cr_assert_str_eq(j.rej.field, "data.session_id");
	judged_free(&j);
}

Test(judge, properties_have_at_most_32_kib)
{
	struct judged j = page_with("page_url", 32 * 1024 - 15, 'x'); /* {"page_url":""} */

	cr_assert(j.stored, "%s", j.rej.message);
	cr_assert_eq(j.row.properties.n, 32 * 1024);
	judged_free(&j);
	j = page_with("page_url", 32 * 1024 - 14, 'x');
	cr_assert_eq(j.rej.code, REJECT_INVALID_FIELD);
	cr_assert_str_eq(j.rej.field, "data");
	judged_free(&j);
}

Test(judge, an_event_has_at_most_1_mib)
{
	const char *head = "{\"source\":\"big\",\"data\":{\"event_id\":\"e-7\",\"x\":\"", *tail = "\"},\"id\":\"i\"}";
	size_t n = (1 << 20) + 1;
	char *text = malloc(n);
	struct judged j;
	struct dead_letter l;

	memset(text, 'x', n);
	memcpy(text, head, strlen(head));
	memcpy(text + n - strlen(tail), tail, strlen(tail));
	j = judge_slice((struct slice){ text, n });
	cr_assert_eq(j.rej.code, REJECT_TOO_LARGE);
	l = letter_of(&j);
	cr_assert_str_eq(str(l.event_id), "e-7");
	cr_assert_str_eq(str(l.source), "big");
	cr_assert_leq(l.payload.n, 65536);
	judged_free(&j);
	text[n - strlen(tail) - 1] = ' '; /* one byte less: not too large any more, but then no type */
	memmove(text + n - strlen(tail) - 1, tail, strlen(tail));
	j = judge_slice((struct slice){ text, n - 1 });
	cr_assert_eq(j.rej.code, REJECT_MISSING_ENVELOPE_FIELD);
	judged_free(&j);
	free(text);
}

Test(judge, more_than_1000_items_are_refused)
{
	const char *item = "{\"product_id\":\"p\",\"quantity\":1,\"price\":1},";
	size_t n = strlen(item);
	char *members = malloc(1001 * n + 200), *p = members;
	struct judged j;

	p += sprintf(p, PAID ",\"items\":[");
	for (int i = 0; i < 1001; i++, p += n)
		memcpy(p, item, n + 1);
	strcpy(p - 1, "]");
	j = judge_data(ORDER, members);
	cr_assert_eq(j.rej.code, REJECT_INVALID_FIELD);
	cr_assert_str_eq(j.rej.field, "data.items");
	judged_free(&j);
	strcpy(p - 1 - n, "]");
	j = judge_data(ORDER, members);
	cr_assert(j.stored, "%s %s", j.rej.field, j.rej.message);
	judged_free(&j);
	free(members);
}

Test(judge, a_full_arena_is_told_and_nothing_else_happens)
{
	const char *event = "{\"id\":\"i\",\"source\":\"s\",\"type\":\"analytics.page_view\"," DATA "}";
	struct event_rules rules = judging_rules();

	for (size_t limit = 64; limit < 6000; limit += 64) {
		struct event_in in;
		struct event_row row;
		struct rejection rej;
		struct arena a;
		bool ok;

		arena_init(&a, limit);
		ok = event_decode_json(&a, slice_of(event), SLICE("r"), &in, &rej) &&
		     event_judge(&a, &in, &rules, &row, &rej);
		cr_assert(ok || rej.code == REJECT_TOO_LARGE, "at %zu: %s", limit, reject_name(rej.code));
		cr_assert(ok || limit < 5900);
		arena_reset(&a);
	}
}
