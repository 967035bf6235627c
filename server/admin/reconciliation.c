#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/listing.h"

void admin_list_reconciliation_reports(struct call *c, const ProtobufCMessage *req)
{
	const Api__Analytics__V1__ListReconciliationReportsRequest *r = (const void *)req;
	static const char *const severities[] = { "ok", "warning", "critical", "skipped", NULL };
	const char *days;

	if (!listing_days(c, r->has_days, r->days, &days) || !listing_among(c, "severity", r->severity, severities))
		return;
	listing_ask(c, &(struct listing){
		.response = &api__analytics__v1__list_reconciliation_reports_response__descriptor,
		.field = "reports",
		.statement = { "reconciliation_list", 4, { listing_filter(r->date), days, listing_filter(r->event_type),
							   listing_filter(r->severity) } },
		.blamed = "date",
		.expected = "a date such as 2026-11-23 is wanted",
	});
}
