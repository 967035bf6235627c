#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_fulfillment_analytics_response__descriptor,
	.statements = {
		{ "fulfillment_metrics", "metrics", { QP_START, QP_END } },
		{ "fulfillment_warehouses", "warehouses", { QP_START, QP_END } },
	},
};

void query_fulfillment(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
