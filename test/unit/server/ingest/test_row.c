#include "test/unit/server/ingest/judging.h"

#define ORDER "orders.order.status_changed"
#define AGENT "Mozilla/5.0 (X11) Probe/99"

static struct judged stored(const char *topic, const char *members)
{
	struct judged j = judge_data(topic, members);

	cr_assert(j.stored, "%s %s: %s", reject_name(j.rej.code), j.rej.field, j.rej.message);
	return j;
}

static void expect(struct slice got, const char *want, const char *what)
{
	if (want)
		cr_assert_str_eq(str(got), want, "%s", what);
	else
		cr_assert_null(got.p, "%s is %s", what, str(got));
}

Test(row, of_a_purchase)
{
	struct judged j = stored(ORDER,
		"\"event_id\":\"e1\",\"timestamp\":\"2026-11-23T18:14:59.5Z\",\"order_id\":\"o1\",\"customer_id\":\"c1\","
		"\"currency\":\"EUR\",\"total_amount\":123.455,\"tax_amount\":9.1,\"items\":[{\"product_id\":\"p1\","
		"\"sku\":\"S1\",\"category\":\"cat\",\"brand\":\"b\",\"quantity\":2,\"price\":12.34,\"cost\":5,"
		"\"seller_id\":9,\"color\":\"red\"},{\"product_id\":\"p2\",\"quantity\":1,\"price\":0}],"
		"\"metadata\":{\"cart_id\":\"k1\",\"tier\":2},\"customer_name\":\"Jane Roe\",\"new_status\":\"CONFIRMED\","
		"\"session_id\":\"s1\",\"ip_address\":\"203.0.113.77\",\"user_agent\":\"" AGENT "\",\"extra\":[1,null]");

	expect(j.row.event_id, "e1", "event_id");
	expect(j.row.event_source, "src", "event_source");
	expect(j.row.event_type, "purchase", "event_type");
	expect(j.row.schema_version, "v1", "schema_version");
	cr_assert_eq(j.row.created_at_us, NOW_US - 500000);
	cr_assert_eq(j.row.received_at_us, NOW_US);
	expect(j.row.cart_id, "k1", "cart_id");
	expect(j.row.session_id, "s1", "session_id");
	expect(j.row.customer_id, "c1", "customer_id");
	expect(j.row.order_id, "o1", "order_id");
	expect(j.row.product_id, NULL, "product_id");
	cr_assert(j.row.has_amount);
	cr_assert_eq(j.row.amount.minor, 12346);
	cr_assert_eq(j.row.amount.scale, 2);
	expect(j.row.currency, "EUR", "currency");
	expect(j.row.status, "CONFIRMED", "status");
	expect(j.row.ip_address, "203.0.113.0", "ip_address");
	cr_assert_eq(j.row.user_agent.n, 64);
	expect(j.row.email, NULL, "email");
	expect(j.row.pii_key_id, "k1", "pii_key_id");
	expect(j.row.items,
	       "[{\"product_id\":\"p1\",\"sku\":\"S1\",\"quantity\":2,\"price\":12.34,\"category\":\"cat\",\"brand\":\"b\","
	       "\"cost\":5.00,\"seller_id\":\"9\"},{\"product_id\":\"p2\",\"quantity\":1,\"price\":0.00}]", "items");
	expect(j.row.properties,
	       "{\"tax_amount\":9.10,\"customer_name\":\"J***\",\"metadata\":{\"tier\":2},\"extra\":[1,null],"
	       "\"items\":[{\"color\":\"red\"},{}]}", "properties");
	judged_free(&j);
}

Test(row, of_a_page_view)
{
	struct judged j = stored("analytics.page_view",
		"\"page_url\":\"/c/5?q=1\",\"session_id\":\"s\",\"referrer\":\"https://example.org/\",\"device_type\":\"mobile\","
		"\"phone\":\"+15550107\",\"name\":\"Home\",\"empty\":\"\",\"nothing\":null,\"country\":\"\"");

	expect(j.row.event_id, "i", "event_id");
	cr_assert_eq(j.row.created_at_us, NOW_US);
	cr_assert_not(j.row.has_amount);
	expect(j.row.currency, NULL, "currency");
	expect(j.row.items, NULL, "items");
	expect(j.row.user_agent, NULL, "user_agent");
	expect(j.row.pii_key_id, NULL, "pii_key_id");
	expect(j.row.status, NULL, "status");
	expect(j.row.properties,
	       "{\"page_url\":\"/c/5?q=1\",\"name\":\"Home\",\"device_type\":\"mobile\",\"referrer\":\"https://example.org/\","
	       "\"empty\":\"\",\"nothing\":null}", "properties");
	judged_free(&j);
}

static const struct {
	const char *topic, *members;
	int64_t minor; /* -1: no amount */
	unsigned scale;
	const char *currency, *properties;
} amounts[] = {
	{ "payment.payment.refunded", "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":5,\"currency\":\"JPY\"", 5, 0, "JPY",
	  "{\"payment_id\":\"p\"}" },
	{ "payment.payment.processed", "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":1.2345,\"currency\":\"KWD\"", 1235, 3,
	  "KWD", "{\"payment_id\":\"p\"}" },
	{ "cart.item_added", "\"product_id\":\"p\",\"quantity\":2.0,\"price_amount\":9.99", 999, 2, "USD",
	  "{\"quantity\":2,\"price_amount\":9.99}" },
	{ "cart.item_added", "\"product_id\":\"p\",\"quantity\":2", -1, 0, NULL, "{\"quantity\":2}" },
	{ "cart.converted", "\"cart_id\":\"c\",\"order_id\":\"o\",\"total_amount\":0.5", 50, 2, "USD", "{}" },
	{ "marketing.spend.recorded", "\"campaign\":\"x\",\"amount\":100", 10000, 2, "USD", "{\"campaign\":\"x\"}" },
	{ "promotion.usage.recorded", "\"promotion_code\":\"X\",\"order_id\":\"o\",\"discount_amount\":1", -1, 0, "USD",
	  "{\"promotion_code\":\"X\",\"discount_amount\":1.00}" },
	{ "warehouse.inventory.stock_changed", "\"sku\":\"s\",\"warehouse_id\":\"w\",\"quantity\":0,\"unit_cost\":0.0125,"
	  "\"minimum_stock\":3", -1, 0, NULL,
	  "{\"sku\":\"s\",\"quantity\":0,\"warehouse_id\":\"w\",\"minimum_stock\":3,\"unit_cost\":0.0125}" },
	{ "shipping.shipment.status_changed", "\"shipment_id\":\"h\",\"order_id\":\"o\",\"status\":\"DELIVERED\","
	  "\"promised_at\":\"2026-11-24T01:00:00+02:00\"", -1, 0, NULL,
	  "{\"shipment_id\":\"h\",\"promised_at\":\"2026-11-23T23:00:00.000000Z\"}" },
	{ "orders.return.requested", "\"return_id\":\"r\",\"order_id\":\"o\",\"reason\":{\"code\":\"damaged\"}", -1, 0, NULL,
	  "{\"return_id\":\"r\",\"reason\":{\"code\":\"damaged\"}}" },
	{ "analytics.page_view", "\"page_url\":\"/\",\"session_id\":\"s\",\"huge\":1e99999,\"big\":12345678901234567890", -1, 0,
	  NULL, "{\"page_url\":\"/\",\"huge\":\"1e99999\",\"big\":12345678901234567890}" },
};
INDEX_PARAMETERS(row, amount, amounts)
ParameterizedTest(size_t *i, row, amount)
{
	struct judged j = stored(amounts[*i].topic, amounts[*i].members);

	cr_assert_eq(j.row.has_amount, amounts[*i].minor >= 0);
	if (j.row.has_amount) {
		cr_assert_eq(j.row.amount.minor, amounts[*i].minor);
		cr_assert_eq(j.row.amount.scale, amounts[*i].scale);
	}
	expect(j.row.currency, amounts[*i].currency, "currency");
	expect(j.row.properties, amounts[*i].properties, "properties");
	judged_free(&j);
}

Test(row, identity_is_source_and_event_id)
{
	struct judged a = stored("product.viewed", "\"product_id\":\"p\"");
	struct judged b = stored("product.viewed", "\"product_id\":\"other\",\"event_id\":\"i\"");
	struct judged c = stored("product.viewed", "\"product_id\":\"p\",\"event_id\":\"i2\"");

	cr_assert_eq(memcmp(a.row.key.b, b.row.key.b, 16), 0);
	cr_assert_neq(memcmp(a.row.key.b, c.row.key.b, 16), 0);
	judged_free(&a);
	judged_free(&b);
	judged_free(&c);
}

static const struct {
	const char *traceparent, *want;
} traces[] = {
	{ "00-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01", "1a6ff51162e80f1a27081ed216077bd4" },
	{ "01-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01-more", "1a6ff51162e80f1a27081ed216077bd4" },
	{ "00-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01-more", NULL },
	{ "ff-1a6ff51162e80f1a27081ed216077bd4-5b971968be3a059b-01", NULL },
	{ "00-1A6FF51162E80F1A27081ED216077BD4-5b971968be3a059b-01", NULL },
	{ "00-00000000000000000000000000000000-5b971968be3a059b-01", NULL },
	{ "00-1a6ff51162e80f1a27081ed216077bd4-0000000000000000-01", NULL },
	{ "1a6ff51162e80f1a27081ed216077bd4", NULL },
	{ "", NULL },
};
INDEX_PARAMETERS(row, trace, traces)
ParameterizedTest(size_t *i, row, trace)
{
	char event[400];
	struct judged j;

	snprintf(event, sizeof(event), "{\"id\":\"i\",\"source\":\"s\",\"type\":\"product.viewed\",\"traceparent\":\"%s\","
		 "\"data\":{\"product_id\":\"p\"}}", traces[*i].traceparent);
	j = judge_text(event);
	cr_assert(j.stored);
	expect(j.row.trace_id, traces[*i].want, "trace_id");
	judged_free(&j);
}

/* The same event in both schema versions. */
#define CONTEXT "\"session_id\":\"s\",\"customer_id\":\"c\",\"ip_address\":\"2001:db8:1:2::3\",\"user_agent\":\"" AGENT "\"," \
	"\"device_type\":\"mobile\",\"traffic_source\":\"google\",\"campaign\":\"x\",\"country\":\"DE\",\"referrer\":\"/r\""
static const struct {
	const char *topic, *v1, *v2;
} pairs[] = {
	{ ORDER, "\"order_id\":\"o\",\"new_status\":\"PAID\",\"currency\":\"EUR\",\"total_amount\":12.34,\"tax_amount\":1,"
		 "\"items\":[{\"product_id\":\"p\",\"quantity\":1,\"price\":0.1,\"cost\":0.05}],\"gift_amount\":2.50," CONTEXT,
	  "\"order_id\":\"o\",\"new_status\":\"PAID\",\"total_amount\":{\"amount\":1234,\"currency\":\"EUR\"},"
	  "\"tax_amount\":{\"amount\":100,\"currency\":\"EUR\"},\"items\":[{\"product_id\":\"p\",\"quantity\":1,"
	  "\"price\":{\"amount\":10,\"currency\":\"EUR\"},\"cost\":{\"amount\":5,\"currency\":\"EUR\"}}],"
	  "\"gift_amount\":{\"amount\":250,\"currency\":\"EUR\"},\"context\":{" CONTEXT "}" },
	{ "analytics.page_view", "\"page_url\":\"/\",\"odd\":true," CONTEXT, "\"page_url\":\"/\",\"odd\":true,\"context\":{" CONTEXT "}" },
	{ "analytics.page_view", "\"page_url\":\"/\"," CONTEXT, "\"page_url\":\"/\"," CONTEXT },
	{ "analytics.page_view", "\"page_url\":\"/\"," CONTEXT,
	  "\"page_url\":\"/\",\"session_id\":\"loses against context\",\"context\":{" CONTEXT "}" },
	{ "payment.payment.failed", "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":1500,\"currency\":\"JPY\"",
	  "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":{\"amount\":1500,\"currency\":\"JPY\"}" },
	{ "cart.item_removed", "\"product_id\":\"p\",\"quantity\":1,\"price_amount\":3",
	  "\"product_id\":\"p\",\"quantity\":1,\"price_amount\":{\"amount\":300,\"currency\":\"USD\"},\"context\":{}" },
};
INDEX_PARAMETERS(row, both_versions, pairs)
ParameterizedTest(size_t *i, row, both_versions)
{
	char v2[2000];
	struct judged a = stored(pairs[*i].topic, pairs[*i].v1), b;
	struct slice x[ROW_TEXTS], y[ROW_TEXTS];

	snprintf(v2, sizeof(v2), "\"schema_version\":\"v2\",%s", pairs[*i].v2);
	b = stored(pairs[*i].topic, v2);
	expect(b.row.schema_version, "v2", "schema_version");
	b.row.schema_version = a.row.schema_version;
	cr_assert_eq(memcmp(&a.row.key, &b.row.key, 16), 0);
	cr_assert_eq(memcmp(a.row.digest, b.row.digest, 16), 0, "digest");
	cr_assert_eq(a.row.has_amount, b.row.has_amount);
	if (a.row.has_amount)
		cr_assert(a.row.amount.minor == b.row.amount.minor && a.row.amount.scale == b.row.amount.scale);
	row_texts(&a.row, x);
	row_texts(&b.row, y);
	for (int k = 0; k < ROW_TEXTS; k++)
		cr_assert(slice_eq(x[k], y[k]), "%s, %s", str(x[k]), str(y[k]));
	judged_free(&a);
	judged_free(&b);
}
