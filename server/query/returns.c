#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_return_analytics_response__descriptor,
	.statements = {
		{ "returns_metrics", "metrics", { QP_START, QP_END } },
		{ "returns_reasons", "reasons", { QP_START, QP_END } },
	},
};

void query_returns(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
