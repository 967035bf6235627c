/* Every HTTP path: one row each. */
#include "server/http/cloudevents.h"
#include "server/http/deliver.h"
#include "server/http/health_http.h"
#include "server/http/http_call.h"
#include "server/http/metrics_http.h"
#include "server/http/page_http.h"
#include "server/http/realtime_http.h"
#include "server/http/subscribe_http.h"
#include "server/openapi/openapi.h"

#define DELIVERY(topic)                                                                   \
	{                                                                                 \
		"POST", "/events/" topic, deliver_post, EVENTS_MAX_BYTES, deliver_ceiling \
	}

const struct http_route http_routes[] = {
	DELIVERY("orders"),
	DELIVERY("payments"),
	DELIVERY("shipping"),
	DELIVERY("page-views"),
	DELIVERY("cart"),
	DELIVERY("products"),
	DELIVERY("customers"),
	DELIVERY("returns"),
	DELIVERY("fulfillment"),
	DELIVERY("inventory"),
	DELIVERY("catalog"),
	DELIVERY("promotions"),
	DELIVERY("dlq"),
	{ "POST", "/events", cloudevents_post, EVENTS_MAX_BYTES, cloudevents_ceiling },
	{ "GET", "/dapr/subscribe", subscribe_get, 0, NULL },
	{ "GET", "/api/v1/analytics/realtime/stream", realtime_stream_get, 0, NULL },
	{ "GET", "/api/v1/analytics/*", http_call_get, 0, NULL },
	{ "GET", "/health/live", health_live_get, 0, NULL },
	{ "GET", "/health/ready", health_ready_get, 0, NULL },
	{ "GET", "/metrics", metrics_http_get, 0, NULL },
	{ "GET", "/openapi.json", openapi_get, 0, NULL },
	{ "GET", "/", page_index_get, 0, NULL },
	{ "GET", "/page/dashboard.css", page_style_get, 0, NULL },
	{ "GET", "/page/dashboard.js", page_script_get, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL },
};
