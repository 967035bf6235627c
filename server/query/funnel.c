/* GetConversionFunnel: by the same figures as the overview (funnel() in the database). */
#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__GetConversionFunnelRequest request_msg;

#define RESPONSE .response = &api__analytics__v1__get_conversion_funnel_response__descriptor
#define STAGES { "funnel_stages", "stages", { QP_START, QP_END } }

static const struct question_kind by_segment = {
	RESPONSE,
	.statements = { STAGES,
			{ "funnel_segments", "segments.stages", { QP_START, QP_END, QP_ARG1 } } },
};

static bool prepare(struct question *q, const ProtobufCMessage *req)
{
	static const char *const choices[] = { "", "device", "source", NULL };
	const char *by;

	if (!question_choice(q, "segmentBy", ((const request_msg *)req)->segment_by, choices,
			     "must be device or source", &by))
		return false;
	if (*by) {
		q->args[0] = by;
		q->kind = &by_segment;
	}
	return true;
}

static const struct question_kind funnel = { RESPONSE, .prepare = prepare, .statements = { STAGES } };

void query_funnel(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &funnel);
}
