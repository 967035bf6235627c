#include "server/ingest/typed.h"

#include <api/analytics/v1/events.pb-c.h>

#define ROW(topic, message) { { topic, sizeof(topic) - 1 }, &api__analytics__v1__##message##__descriptor }

static const struct typed_row rows[] = {
	ROW("orders.order.status_changed", order_status_changed),
	ROW("payment.payment.processed", payment_processed),
	ROW("payment.payment.failed", payment_failed),
	ROW("payment.payment.refunded", payment_refunded),
	ROW("shipping.shipment.status_changed", shipment_status_changed),
	ROW("analytics.page_view", page_view),
	ROW("product.viewed", product_viewed),
	ROW("cart.item_added", cart_item_added),
	ROW("cart.item_removed", cart_item_removed),
	ROW("checkout.started", checkout_started),
	ROW("cart.converted", cart_converted),
	ROW("customer.registered", customer_registered),
	ROW("customer.logged_in", customer_logged_in),
	ROW("orders.return.requested", return_requested),
	ROW("orders.return.approved", return_approved),
	ROW("orders.return.rejected", return_rejected),
	ROW("orders.return.completed", return_completed),
	ROW("fulfillments.fulfillment.status_changed", fulfillment_status_changed),
	ROW("fulfillments.fulfillment.sla_breach", fulfillment_sla_breached),
	ROW("warehouse.inventory.stock_changed", inventory_stock_changed),
	ROW("catalog.product.created", catalog_product_created),
	ROW("catalog.product.updated", catalog_product_updated),
	ROW("promotion.usage.recorded", promotion_used),
	ROW("marketing.spend.recorded", marketing_spend_recorded),
};

const struct typed_row *typed_rows(size_t *n)
{
	*n = sizeof(rows) / sizeof(*rows);
	return rows;
}

const struct typed_row *typed_find(struct slice full_name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (slice_is(full_name, rows[i].message->name))
			return &rows[i];
	return NULL;
}
