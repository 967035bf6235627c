#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_payment_analytics_response__descriptor,
	.statements = {
		{ "payments_metrics", "metrics", { QP_START, QP_END } },
		{ "payments_methods", "methods", { QP_START, QP_END } },
		{ "payments_failures", "failures", { QP_START, QP_END } },
	},
};

void query_payments(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
