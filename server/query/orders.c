/* GetOrderAnalytics. */
#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__GetOrderAnalyticsRequest request_msg;

#define QP_STATUSES QP_ARG1
#define RESPONSE .response = &api__analytics__v1__get_order_analytics_response__descriptor
#define STATUSES { "orders_statuses", "status_distribution", { QP_START, QP_END, QP_STATUSES } }
#define FULFILLMENT { "orders_fulfillment", "fulfillment", { QP_START, QP_END, QP_STATUSES } }

static const struct question_kind with_statuses = {
	RESPONSE,
	.statements = {
		{ "orders_with_metrics", "metrics", { QP_BEFORE, QP_START, QP_END, QP_STATUSES } },
		STATUSES,
		{ "orders_with_trend", "trend_data", { QP_START, QP_END, QP_ZONE, QP_STATUSES } },
		FULFILLMENT,
	},
};

static bool prepare(struct question *q, const ProtobufCMessage *req)
{
	const request_msg *r = (const request_msg *)req;

	if (!question_texts(q, "statuses", r->n_statuses, r->statuses, &q->args[0]))
		return false;
	if (q->args[0])
		q->kind = &with_statuses;
	return true;
}

static const struct question_kind all = {
	RESPONSE,
	.prepare = prepare,
	.statements = {
		{ "orders_metrics", "metrics", { QP_BEFORE, QP_START, QP_END } },
		STATUSES,
		{ "orders_trend", "trend_data", { QP_START, QP_END, QP_ZONE } },
		FULFILLMENT,
	},
};

void query_orders(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &all);
}
