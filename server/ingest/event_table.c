#include "server/ingest/event_table.h"

#include <pthread.h>

const struct field_row field_rows[FIELDS] = {
#define X(id, name, kind, scope, column) [F_##id] = { { name, sizeof(name) - 1 }, KIND_##kind, scope, column },
	FIELD_TABLE(X)
#undef X
};

#define TOPIC(way, n, type, ...)                                                                              \
	{ .name = { n, sizeof(n) - 1 }, .route = way, .event_type = { type, sizeof(type) - 1 }, __VA_ARGS__ }
#define NEEDS(...) .required = { __VA_ARGS__ }

static const struct topic topics[] = {
	{ .name = { "orders.order.status_changed", 27 }, .route = "orders",
	  NEEDS(F_ORDER_ID, F_NEW_STATUS), .amount = F_TOTAL_AMOUNT },
	TOPIC("payments", "payment.payment.processed", "payment_processed", NEEDS(F_PAYMENT_ID, F_ORDER_ID, F_AMOUNT),
	      .amount = F_AMOUNT),
	TOPIC("payments", "payment.payment.failed", "payment_failed", NEEDS(F_PAYMENT_ID, F_ORDER_ID, F_AMOUNT),
	      .amount = F_AMOUNT),
	TOPIC("payments", "payment.payment.refunded", "payment_refunded", NEEDS(F_PAYMENT_ID, F_ORDER_ID, F_AMOUNT),
	      .amount = F_AMOUNT),
	TOPIC("shipping", "shipping.shipment.status_changed", "shipment_status_changed",
	      NEEDS(F_SHIPMENT_ID, F_ORDER_ID, F_NEW_STATUS)),
	TOPIC("page-views", "analytics.page_view", "page_view", NEEDS(F_PAGE_URL, F_SESSION_ID)),
	TOPIC("products", "product.viewed", "product_view", NEEDS(F_PRODUCT_ID)),
	TOPIC("cart", "cart.item_added", "add_to_cart", NEEDS(F_PRODUCT_ID, F_QUANTITY), .amount = F_PRICE_AMOUNT),
	TOPIC("cart", "cart.item_removed", "remove_from_cart", NEEDS(F_PRODUCT_ID, F_QUANTITY), .amount = F_PRICE_AMOUNT),
	TOPIC("cart", "checkout.started", "checkout", NEEDS(F_CART_ID), .amount = F_TOTAL_AMOUNT),
	TOPIC("cart", "cart.converted", "cart_converted", NEEDS(F_CART_ID, F_ORDER_ID), .amount = F_TOTAL_AMOUNT),
	TOPIC("customers", "customer.registered", "customer_registered", NEEDS(F_CUSTOMER_ID), .customer = true),
	TOPIC("customers", "customer.logged_in", "customer_login", NEEDS(F_CUSTOMER_ID), .customer = true),
	TOPIC("returns", "orders.return.requested", "return_requested", NEEDS(F_RETURN_ID, F_ORDER_ID)),
	TOPIC("returns", "orders.return.approved", "return_approved", NEEDS(F_RETURN_ID, F_ORDER_ID)),
	TOPIC("returns", "orders.return.rejected", "return_rejected", NEEDS(F_RETURN_ID, F_ORDER_ID)),
	TOPIC("returns", "orders.return.completed", "return_completed", NEEDS(F_RETURN_ID, F_ORDER_ID)),
	TOPIC("fulfillment", "fulfillments.fulfillment.status_changed", "fulfillment_status_changed",
	      NEEDS(F_FULFILLMENT_ID, F_ORDER_ID, F_NEW_STATUS)),
	TOPIC("fulfillment", "fulfillments.fulfillment.sla_breach", "fulfillment_sla_breach",
	      NEEDS(F_FULFILLMENT_ID, F_ORDER_ID)),
	TOPIC("inventory", "warehouse.inventory.stock_changed", "stock_changed", NEEDS(F_SKU, F_WAREHOUSE_ID, F_QUANTITY),
	      .stock = true),
	TOPIC("catalog", "catalog.product.created", "product_created", NEEDS(F_PRODUCT_ID, F_SKU, F_NAME)),
	TOPIC("catalog", "catalog.product.updated", "product_updated", NEEDS(F_PRODUCT_ID, F_SKU, F_NAME)),
	TOPIC("promotions", "promotion.usage.recorded", "promotion_used", NEEDS(F_PROMOTION_CODE, F_ORDER_ID)),
	TOPIC("promotions", "marketing.spend.recorded", "marketing_spend", NEEDS(F_CAMPAIGN, F_AMOUNT), .amount = F_AMOUNT),
};
enum { TOPICS = sizeof(topics) / sizeof(*topics), SLOTS = 256 };

/* Open addressing, made once: every member of every event is looked up. */
static uint8_t field_slot[SLOTS], topic_slot[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static unsigned slot_of(struct slice s)
{
	unsigned h = (unsigned)s.n;

	for (size_t i = 0; i < s.n; i++)
		h = h * 31 + (unsigned char)s.p[i];
	return h % SLOTS;
}

static void slots_fill(void)
{
	for (unsigned f = F_NONE + 1; f < FIELDS; f++) {
		unsigned at = slot_of(field_rows[f].name);

		for (; field_slot[at]; at = (at + 1) % SLOTS)
			;
		field_slot[at] = (uint8_t)f;
	}
	for (unsigned t = 0; t < TOPICS; t++) {
		unsigned at = slot_of(topics[t].name);

		for (; topic_slot[at]; at = (at + 1) % SLOTS)
			;
		topic_slot[at] = (uint8_t)(t + 1);
	}
}

const struct topic *event_topics(size_t *n)
{
	*n = TOPICS;
	return topics;
}

const struct topic *event_topic_find(struct slice name)
{
	pthread_once(&slots_once, slots_fill);
	if (name.n > ID_BYTES)
		return NULL;
	for (unsigned at = slot_of(name); topic_slot[at]; at = (at + 1) % SLOTS)
		if (slice_eq(topics[topic_slot[at] - 1].name, name))
			return &topics[topic_slot[at] - 1];
	return NULL;
}

const struct topic *event_topic_stored_as(struct slice event_type)
{
	const struct topic *order = topics;

	for (const struct topic *t = topics; t < topics + TOPICS; t++) {
		if (slice_eq(t->event_type, event_type))
			return t;
		if (!t->event_type.p)
			order = t;
	}
	return order; /* the only one that stores several types, named in event_type_of */
}

bool event_topic_requires(const struct topic *t, enum field f)
{
	for (unsigned i = 0; t->required[i] != F_NONE; i++)
		if (t->required[i] == f)
			return true;
	return false;
}

enum field event_field_find(const struct topic *t, struct slice key)
{
	pthread_once(&slots_once, slots_fill);
	if (key.n > 24)
		return F_NONE;
	for (unsigned at = slot_of(key); field_slot[at]; at = (at + 1) % SLOTS) {
		enum field f = field_slot[at];

		if (slice_eq(field_rows[f].name, key))
			return field_rows[f].scope || event_topic_requires(t, f) ? f : F_NONE;
	}
	return F_NONE;
}

bool event_field_personal(const struct topic *t, enum field f)
{
	switch (f) {
	case F_IP_ADDRESS:
	case F_USER_AGENT:
	case F_EMAIL:
	case F_CUSTOMER_NAME:
	case F_PHONE:
		return true;
	default:
		return f == F_NAME && t->customer;
	}
}

static bool is_order(const struct topic *t)
{
	return !t->event_type.p;
}

bool event_is_purchase(const struct topic *t, struct slice status)
{
	return is_order(t) && (slice_is(status, "CONFIRMED") || slice_is(status, "PAID"));
}

struct slice event_type_of(const struct topic *t, struct slice status)
{
	if (!is_order(t))
		return t->event_type;
	if (event_is_purchase(t, status))
		return SLICE("purchase");
	if (slice_is(status, "PENDING") || slice_is(status, "CREATED"))
		return SLICE("order_created");
	if (slice_is(status, "CANCELLED"))
		return SLICE("order_cancelled");
	return SLICE("order_status_changed");
}
