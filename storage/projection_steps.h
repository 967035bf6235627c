/* storage/projection_steps.h -- the statements that make answers of the events in `projecting`, in their order:
 * merges before what they are written to, entities before the sums of what changed.
 * MERGE: the same events may come again and change nothing more. ONCE: counters; an event's first
 * projection alone runs them. */
#ifndef STORAGE_PROJECTION_STEPS_H
#define STORAGE_PROJECTION_STEPS_H

#define PROJECTION_STEPS(MERGE, ONCE)                                                            \
	MERGE("project_rest") MERGE("project_orders_merge") MERGE("project_orders") \
	MERGE("project_sale_changes") MERGE("project_sessions_merge") \
	MERGE("project_sessions") MERGE("project_session_days") \
	MERGE("project_customers") MERGE("project_customer_days") \
	MERGE("project_active_days") MERGE("project_sales_days") \
	MERGE("project_sales_hours") MERGE("project_category_days") \
	MERGE("project_product_days") MERGE("project_products") \
	MERGE("project_shipments") MERGE("project_fulfillments") \
	MERGE("project_returns") MERGE("project_stock") MERGE("project_stock_levels") \
	MERGE("project_payments") MERGE("project_registrations") \
	MERGE("project_promotion_uses") MERGE("project_marketing_spends") \
	ONCE("project_count_events") ONCE("project_count_products") \
	MERGE("project_tidy")

#endif
