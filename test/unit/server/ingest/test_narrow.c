#include "server/admin/schema_compile.h"
#include "test/unit/server/ingest/judging.h"

static const struct {
	const char *version, *schema, *topic, *members; /* registered for the topic; an event of it */
	enum reject_code want;
	const char *field;
} cases[] = {
	{ "v1", "{}", "product.viewed", "\"product_id\":\"p\"", REJECT_NONE, "" },
	{ "v1", "{\"required\":[\"sku\"]}", "catalog.product.updated", "\"product_id\":\"p\",\"sku\":\"s\",\"name\":\"n\"",
	  REJECT_NONE, "" },
	{ "v1", "{\"required\":[\"brand\"]}", "product.viewed", "\"product_id\":\"p\"", REJECT_MISSING_FIELD,
	  "data.brand" },
	{ "v1", "{\"required\":[\"brand\"]}", "product.viewed", "\"product_id\":\"p\",\"brand\":\"\"",
	  REJECT_MISSING_FIELD, "data.brand" },
	{ "v1", "{\"required\":[\"brand\"]}", "product.viewed", "\"product_id\":5.5", REJECT_MISSING_FIELD, "data.brand" },
	{ "v1", "{\"required\":[\"brand\"]}", "product.viewed",
	  "\"schema_version\":2,\"product_id\":\"p\"", REJECT_NONE, "" },
	{ "v2", "{\"required\":[\"brand\"]}", "product.viewed",
	  "\"schema_version\":\"2.0\",\"product_id\":\"p\"", REJECT_MISSING_FIELD, "data.brand" },
	{ "v3", "{}", "product.viewed", "\"schema_version\":3.0,\"product_id\":\"p\"", REJECT_NONE, "" },
	{ "v3", "{}", "product.viewed", "\"schema_version\":\"v3.0\",\"product_id\":\"p\"",
	  REJECT_UNSUPPORTED_SCHEMA_VERSION, "data.schema_version" },
	{ "v3", "{}", "product.viewed", "\"schema_version\":30,\"product_id\":\"p\"",
	  REJECT_UNSUPPORTED_SCHEMA_VERSION, "data.schema_version" },
	{ "v3", "{}", "analytics.page_view", "\"schema_version\":3,\"page_url\":\"/\",\"context\":{\"session_id\":\"s\"}",
	  REJECT_NONE, "" },
	{ "v1", "{\"properties\":{\"amount\":{\"maximum\":0.0001}}}", "product.viewed",
	  "\"product_id\":\"p\",\"amount\":0", REJECT_NONE, "" },
	{ "v1", "{\"properties\":{\"amount\":{\"maximum\":0.0001}}}", "product.viewed",
	  "\"product_id\":\"p\",\"amount\":0.01", REJECT_INVALID_FIELD, "data.amount" },
	{ "v1", "{\"properties\":{\"status\":{\"enum\":[\"A\"]}}}", "orders.order.status_changed",
	  "\"order_id\":\"o\",\"status\":\"B\"", REJECT_INVALID_FIELD, "data.status" },
	{ "v1", "{\"properties\":{\"new_status\":{\"enum\":[\"A\"]}}}", "orders.order.status_changed",
	  "\"order_id\":\"o\",\"status\":\"B\"", REJECT_INVALID_FIELD, "data.status" },
	{ "v1", "{\"properties\":{\"metadata\":{\"required\":[\"cart_id\"]}}}", "product.viewed",
	  "\"product_id\":\"p\",\"cart_id\":\"c\"", REJECT_NONE, "" },
};

INDEX_PARAMETERS(narrow, event, cases)

ParameterizedTest(size_t *i, narrow, event)
{
	struct event_rules rules = judging_rules();
	const struct topic *t = event_topic_find(slice_of(cases[*i].topic));
	struct narrowings set = { .first = NULL };
	struct schema_faults faults;
	struct judged j = { .stored = false };
	char text[600];

	arena_init(&set.arena, 8 << 20);
	arena_init(&j.arena, 8 << 20);
	cr_assert(schema_compile(&set.arena, t, cases[*i].version, slice_of(cases[*i].schema), &set.first, &faults),
		  "%s: %s", faults.list[0].field, faults.list[0].description);
	rules.schemas = &set;
	snprintf(text, sizeof(text), "{\"id\":\"i\",\"source\":\"s\",\"type\":\"%s\",\"data\":{%s}}", cases[*i].topic,
		 cases[*i].members);
	j.stored = event_decode_json(&j.arena, slice_of(text), SLICE("test"), &j.in, &j.rej) &&
		   event_judge(&j.arena, &j.in, &rules, &j.row, &j.rej);
	cr_expect_eq(j.rej.code, cases[*i].want, "%s: %s", text, j.rej.message);
	cr_expect_str_eq(j.rej.field, cases[*i].field, "%s", text);
	arena_reset(&set.arena);
	judged_free(&j);
}

Test(narrow, versions_that_can_be_registered)
{
	cr_expect(schema_version_valid("v1") && schema_version_valid("v3") && schema_version_valid("v9999"));
	cr_expect(!schema_version_valid("3") && !schema_version_valid("v") && !schema_version_valid("v01") &&
		  !schema_version_valid("v99999") && !schema_version_valid("v3.0") && !schema_version_valid("") &&
		  !schema_version_valid("vx"));
}
