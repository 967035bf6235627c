/* server/query/query.h -- the handlers of AnalyticsService, one a file.
 * Each asks PostgreSQL on the pool of read connections, in one snapshot, with the caller's
 * deadline; a caller that leaves ends its question. Memory: the call's arena. Threads: the reactor.
 * Blocking: never. */
#ifndef SERVER_QUERY_QUERY_H
#define SERVER_QUERY_QUERY_H

#include "server/wire/call.h"
#include "server/wire/stream.h"

/* GetDashboardOverview. Items without a category make an entry of salesByCategory without one. */
void query_overview(struct call *c, const ProtobufCMessage *req);

/* GetRealTimeMetrics and StreamRealTimeMetrics: see realtime.h. */
void query_realtime(struct call *c, const ProtobufCMessage *req);
extern const struct stream_ops query_realtime_stream;

/* GetRevenueAnalytics. */
void query_revenue(struct call *c, const ProtobufCMessage *req);

/* GetOrderAnalytics. */
void query_orders(struct call *c, const ProtobufCMessage *req);

/* GetProductPerformance: all products that were ever named, those without a sale as well. */
void query_products(struct call *c, const ProtobufCMessage *req);

/* GetConversionFunnel. Sessions that name no device or source make a segment without a name. */
void query_funnel(struct call *c, const ProtobufCMessage *req);

/* Get*Analytics and GetCustomerAnalyticsSummary. What names none (a reason, a carrier, a source ...)
 * makes an entry without one. */
void query_returns(struct call *c, const ProtobufCMessage *req);
void query_shipping(struct call *c, const ProtobufCMessage *req);
void query_fulfillment(struct call *c, const ProtobufCMessage *req);
void query_payments(struct call *c, const ProtobufCMessage *req);
void query_marketing(struct call *c, const ProtobufCMessage *req);
void query_inventory(struct call *c, const ProtobufCMessage *req);
void query_customers(struct call *c, const ProtobufCMessage *req);

#endif
