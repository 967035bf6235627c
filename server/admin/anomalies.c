#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/listing.h"

void admin_list_anomalies(struct call *c, const ProtobufCMessage *req)
{
	const Api__Analytics__V1__ListAnomaliesRequest *r = (const void *)req;
	const char *days;

	if (!listing_days(c, r->has_days, r->days, &days))
		return;
	listing_ask(c, &(struct listing){
		.response = &api__analytics__v1__list_anomalies_response__descriptor,
		.field = "anomalies",
		.statement = { "anomalies_list", 2, { days, listing_filter(r->event_type) } },
	});
}
