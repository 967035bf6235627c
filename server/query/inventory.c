#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__GetInventoryAnalyticsRequest request_msg;

enum { WAREHOUSES, CATEGORIES }; /* QP_ARG1, QP_ARG2 */

static bool prepare(struct question *q, const ProtobufCMessage *req)
{
	const request_msg *r = (const request_msg *)req;

	return question_texts(q, "warehouseIds", r->n_warehouse_ids, r->warehouse_ids, &q->args[WAREHOUSES]) &&
	       question_texts(q, "categories", r->n_categories, r->categories, &q->args[CATEGORIES]);
}

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_inventory_analytics_response__descriptor,
	.prepare = prepare,
	.statements = {
		{ "inventory_metrics", "metrics", { QP_START, QP_END, QP_ARG1, QP_ARG2 } },
		{ "inventory_warehouses", "warehouses", { QP_ARG1, QP_ARG2 } },
		{ "inventory_low", "low_stock_products", { QP_START, QP_END, QP_ZONE, QP_ARG1, QP_ARG2 } },
		{ "inventory_turnover", "turnover_analysis", { QP_START, QP_END, QP_ZONE, QP_ARG1, QP_ARG2 } },
	},
};

void query_inventory(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
