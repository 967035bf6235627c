/* GetDashboardOverview. */
#include "server/query/query.h"
#include "server/query/question.h"

#include <api/analytics/v1/analytics.pb-c.h>

static const struct question_kind overview = {
	.response = &api__analytics__v1__get_dashboard_overview_response__descriptor,
	.statements = {
		{ "overview_metrics", "metrics", { QP_BEFORE, QP_START, QP_END } },
		{ "overview_trend", "revenue_trend", { QP_START, QP_END, QP_ZONE } },
		{ "overview_categories", "sales_by_category", { QP_START, QP_END } },
		{ "funnel_stages", "conversion_funnel.stages", { QP_START, QP_END } },
	},
};

void query_overview(struct call *c, const ProtobufCMessage *req)
{
	question_ask(c, req, &overview);
}
