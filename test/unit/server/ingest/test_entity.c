#include "test/unit/server/ingest/judging.h"

#include <xxhash.h>

static const struct {
	const char *topic, *members;
	const char *kind, *id; /* NULL: about nobody */
} cases[] = {
	{ "orders.order.status_changed", "\"order_id\":\"o\",\"new_status\":\"PENDING\",\"session_id\":\"s\"", "order_id", "o" },
	{ "payment.payment.failed", "\"payment_id\":\"p\",\"order_id\":\"o\",\"amount\":1", "order_id", "o" },
	{ "shipping.shipment.status_changed", "\"shipment_id\":\"x\",\"order_id\":\"o\",\"new_status\":\"S\"", "shipment_id", "x" },
	{ "orders.return.requested", "\"return_id\":\"r\",\"order_id\":\"o\"", "return_id", "r" },
	{ "fulfillments.fulfillment.sla_breach", "\"fulfillment_id\":\"f\",\"order_id\":\"o\"", "fulfillment_id", "f" },
	{ "analytics.page_view", "\"page_url\":\"/\",\"session_id\":\"s\",\"customer_id\":\"c\"", "session_id", "s" },
	{ "product.viewed", "\"product_id\":\"p\",\"customer_id\":\"c\"", "customer_id", "c" },
	{ "product.viewed", "\"product_id\":7", "product_id", "7" },
	{ "cart.converted", "\"cart_id\":\"k\",\"order_id\":\"o\"", "order_id", "o" },
	{ "checkout.started", "\"cart_id\":\"k\"", NULL, NULL },
	{ "customer.registered", "\"customer_id\":\"c\",\"session_id\":\"s\"", "customer_id", "c" },
	{ "warehouse.inventory.stock_changed", "\"sku\":\"u\",\"warehouse_id\":\"w\",\"quantity\":1", "sku", "u" },
	{ "catalog.product.updated", "\"product_id\":\"p\",\"sku\":\"u\",\"name\":\"n\"", "product_id", "p" },
	{ "marketing.spend.recorded", "\"campaign\":\"x\",\"amount\":1", NULL, NULL },
};
INDEX_PARAMETERS(entity, whom_an_event_is_about, cases)
ParameterizedTest(size_t *i, entity, whom_an_event_is_about)
{
	struct judged j = judge_data(cases[*i].topic, cases[*i].members);
	XXH128_canonical_t want;
	char whole[100];
	int n;

	cr_assert(j.stored, "%s", j.rej.field);
	cr_assert_eq(j.row.has_entity, cases[*i].id != NULL);
	cr_expect(!j.row.has_sequence);
	if (cases[*i].id) {
		n = snprintf(whole, sizeof(whole), "src%c%s%c%s", 0, cases[*i].kind, 0, cases[*i].id);
		XXH128_canonicalFromHash(&want, XXH3_128bits(whole, (size_t)n));
		cr_expect_arr_eq(j.row.entity.b, want.digest, sizeof(want.digest), "%s", cases[*i].topic);
	}
	judged_free(&j);
}

static const struct {
	const char *sent;
	bool taken;
	int64_t want;
} sequences[] = {
	{ "\"12\"", true, 12 },
	{ "12", true, 12 },
	{ "\"-3\"", true, -3 },
	{ "\"0007\"", true, 7 },
	{ "\"999999999999999999\"", true, 999999999999999999 },
	{ "\"1234567890123456789\"", false, 0 },
	{ "\"\"", false, 0 },
	{ "\"-\"", false, 0 },
	{ "\"a1\"", false, 0 },
	{ "1.5", false, 0 },
	{ "true", false, 0 },
	{ "null", false, 0 },
};
INDEX_PARAMETERS(entity, sequences_are_integers, sequences)
ParameterizedTest(size_t *i, entity, sequences_are_integers)
{
	char text[500];
	struct judged j;

	snprintf(text, sizeof(text),
		 "{\"id\":\"i\",\"source\":\"src\",\"type\":\"product.viewed\",\"specversion\":\"1.0\",\"sequence\":%s,"
		 "\"time\":\"" NOW_TEXT "\",\"data\":{\"product_id\":\"p\"}}",
		 sequences[*i].sent);
	j = judge_text(text);
	cr_assert(j.stored, "%s", j.rej.field);
	cr_expect_eq(j.row.has_sequence, sequences[*i].taken, "%s", sequences[*i].sent);
	if (sequences[*i].taken)
		cr_expect_eq(j.row.sequence, sequences[*i].want, "%s", sequences[*i].sent);
	judged_free(&j);
}
