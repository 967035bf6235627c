#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind kind = {
	.response = &api__analytics__v1__get_shipping_analytics_response__descriptor,
	.statements = {
		{ "shipping_carriers", "carriers", { QP_START, QP_END } },
	},
};

void query_shipping(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &kind);
}
