/* GetProductPerformance. */
#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__GetProductPerformanceRequest request_msg;

enum { CATEGORIES, SORT_BY, LIMIT };
enum { LIMIT_ABSENT = 20, LIMIT_MOST = 1000 };

static bool prepare(struct question *q, const ProtobufCMessage *req)
{
	static const char *const orders[] = { "revenue", "units", "views", "conversion", NULL };
	const request_msg *r = (const request_msg *)req;

	return question_texts(q, "categories", r->n_categories, r->categories, &q->args[CATEGORIES]) &&
	       question_choice(q, "sortBy", r->sort_by, orders, "must be revenue, units, views or conversion",
			       &q->args[SORT_BY]) &&
	       question_limit(q, "limit", r->has_limit, r->limit, LIMIT_ABSENT, LIMIT_MOST, "must be 1 to 1000",
			      &q->args[LIMIT]);
}

static const struct question_kind products = {
	.response = &api__analytics__v1__get_product_performance_response__descriptor,
	.prepare = prepare,
	.statements = {
		{ "products_list", "products", { QP_START, QP_END, QP_ARG1, QP_ARG2, QP_ARG3 } },
		{ "products_summary", "summary", { QP_START, QP_END, QP_ARG1 } },
	},
};

void query_products(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &products);
}
