#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_marketing_analytics_response__descriptor,
	.statements = {
		{ "marketing_sources", "sources", { QP_START, QP_END } },
		{ "marketing_promotions", "promotions", { QP_START, QP_END } },
	},
};

void query_marketing(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
