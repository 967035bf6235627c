#include "server/ingest/event_table.h"

#include "test/unit/server/ingest/judging.h"

static const struct {
	const char *topic, *status, *want;
} types[] = {
	{ "orders.order.status_changed", "PENDING", "order_created" },
	{ "orders.order.status_changed", "CREATED", "order_created" },
	{ "orders.order.status_changed", "CONFIRMED", "purchase" },
	{ "orders.order.status_changed", "PAID", "purchase" },
	{ "orders.order.status_changed", "CANCELLED", "order_cancelled" },
	{ "orders.order.status_changed", "SHIPPED", "order_status_changed" },
	{ "orders.order.status_changed", "confirmed", "order_status_changed" },
	{ "payment.payment.processed", "", "payment_processed" },
	{ "payment.payment.failed", "", "payment_failed" },
	{ "payment.payment.refunded", "", "payment_refunded" },
	{ "shipping.shipment.status_changed", "CONFIRMED", "shipment_status_changed" },
	{ "analytics.page_view", "", "page_view" },
	{ "product.viewed", "", "product_view" },
	{ "cart.item_added", "", "add_to_cart" },
	{ "cart.item_removed", "", "remove_from_cart" },
	{ "checkout.started", "", "checkout" },
	{ "cart.converted", "", "cart_converted" },
	{ "customer.registered", "", "customer_registered" },
	{ "customer.logged_in", "", "customer_login" },
	{ "orders.return.requested", "", "return_requested" },
	{ "orders.return.approved", "", "return_approved" },
	{ "orders.return.rejected", "", "return_rejected" },
	{ "orders.return.completed", "", "return_completed" },
	{ "fulfillments.fulfillment.status_changed", "", "fulfillment_status_changed" },
	{ "fulfillments.fulfillment.sla_breach", "", "fulfillment_sla_breach" },
	{ "warehouse.inventory.stock_changed", "", "stock_changed" },
	{ "catalog.product.created", "", "product_created" },
	{ "catalog.product.updated", "", "product_updated" },
	{ "promotion.usage.recorded", "", "promotion_used" },
	{ "marketing.spend.recorded", "", "marketing_spend" },
};
INDEX_PARAMETERS(event_table, stored_type, types)
ParameterizedTest(size_t *i, event_table, stored_type)
{
	const struct topic *t = event_topic_find(slice_of(types[*i].topic));

	cr_assert(t, "%s", types[*i].topic);
	cr_assert_str_eq(str(event_type_of(t, slice_of(types[*i].status))), types[*i].want);
	cr_assert_eq(event_topic_stored_as(slice_of(types[*i].want)), t);
}

Test(event_table, lists_every_topic_once)
{
	size_t n;
	const struct topic *t = event_topics(&n);

	cr_assert_eq(n, 24);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(event_topic_find(t[i].name), &t[i], "%s", t[i].name.p);
	cr_assert_null(event_topic_find(SLICE("orders.order")));
	cr_assert_null(event_topic_find(SLICE("")));
}

Test(event_table, finds_every_field_that_belongs_to_a_topic)
{
	const struct topic *page = event_topic_find(SLICE("analytics.page_view"));
	const struct topic *cart = event_topic_find(SLICE("cart.item_added"));

	for (enum field f = F_NONE + 1; f < FIELDS; f++)
		if (field_rows[f].scope)
			cr_assert_eq(event_field_find(page, field_rows[f].name), f, "%s", field_rows[f].name.p);
	cr_assert_eq(event_field_find(page, SLICE("quantity")), F_NONE);
	cr_assert_eq(event_field_find(cart, SLICE("quantity")), F_QUANTITY);
	cr_assert_eq(event_field_find(cart, SLICE("code")), F_NONE);
	cr_assert_eq(event_field_find(cart, SLICE("nonsense")), F_NONE);
}
