/* server/query/query.h -- the handlers of AnalyticsService, one a file.
 * Each asks PostgreSQL on the pool of read connections, in one snapshot, with the caller's
 * deadline; a caller that leaves ends its question. Memory: the call's arena. Threads: the reactor.
 * Blocking: never. */
#ifndef SERVER_QUERY_QUERY_H
#define SERVER_QUERY_QUERY_H

#include "server/wire/call.h"

/* GetDashboardOverview. Items without a category make an entry of salesByCategory without one. */
void query_overview(struct call *c, const ProtobufCMessage *req);

/* GetConversionFunnel. Sessions that name no device or source make a segment without a name. */
void query_funnel(struct call *c, const ProtobufCMessage *req);

#endif
