#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_customer_analytics_summary_response__descriptor,
	.statements = {
		{ "customers_metrics", "metrics", { QP_BEFORE, QP_START, QP_END } },
		{ "customers_segments", "segments", { QP_END, QP_ZONE } },
		{ "customers_cohorts", "cohorts.months", { QP_START, QP_END, QP_ZONE } },
	},
};

void query_customers(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
