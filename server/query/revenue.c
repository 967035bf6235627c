/* GetRevenueAnalytics: of whole orders, or, with a category or a brand, of the items alone. */
#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__GetRevenueAnalyticsRequest request_msg;

enum { UNIT, CATEGORIES, BRANDS };
#define QP_UNIT QP_ARG1
#define QP_FILTER QP_ARG2, QP_ARG3
#define RESPONSE .response = &api__analytics__v1__get_revenue_analytics_response__descriptor

static const struct question_kind of_items = {
	RESPONSE,
	.statements = {
		{ "revenue_items_points", "data_points", { QP_START, QP_END, QP_ZONE, QP_UNIT, QP_FILTER } },
		{ "revenue_items_summary", "summary", { QP_BEFORE, QP_START, QP_END, QP_ZONE, QP_FILTER } },
		{ "revenue_items_products", "top_products", { QP_START, QP_END, QP_FILTER } },
		{ "revenue_items_categories", "top_categories", { QP_START, QP_END, QP_FILTER } },
		{ "revenue_items_excluded", "excluded", { QP_START, QP_END, QP_FILTER } },
	},
};

static bool prepare(struct question *q, const ProtobufCMessage *req)
{
	static const char *const units[] = { "day", "hour", "week", "month", NULL };
	const request_msg *r = (const request_msg *)req;

	if (!question_choice(q, "groupBy", r->group_by, units, "must be hour, day, week or month", &q->args[UNIT]) ||
	    !question_texts(q, "categories", r->n_categories, r->categories, &q->args[CATEGORIES]) ||
	    !question_texts(q, "brands", r->n_brands, r->brands, &q->args[BRANDS]))
		return false;
	if (q->args[CATEGORIES] || q->args[BRANDS])
		q->kind = &of_items;
	return true;
}

static const struct question_kind of_orders = {
	RESPONSE,
	.prepare = prepare,
	.statements = {
		{ "revenue_points", "data_points", { QP_START, QP_END, QP_ZONE, QP_UNIT } },
		{ "revenue_summary", "summary", { QP_BEFORE, QP_START, QP_END, QP_ZONE } },
		{ "revenue_products", "top_products", { QP_START, QP_END } },
		{ "revenue_categories", "top_categories", { QP_START, QP_END } },
		{ "revenue_excluded", "excluded", { QP_START, QP_END } },
	},
};

void query_revenue(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &of_orders);
}
