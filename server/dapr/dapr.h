/* server/dapr/dapr.h -- what a Dapr sidecar calls on its app over gRPC: dapr.proto.runtime.v1.AppCallback,
 * AppCallbackAlpha (bulk before 1.17) and AppCallbackHealthCheck; and the list of topics for both protocols.
 * Events go the way of every other event; SUCCESS is said after commit, RETRY when the database is away.
 * Threads: the reactor. Blocking: never. */
#ifndef SERVER_DAPR_DAPR_H
#define SERVER_DAPR_DAPR_H

#include "server/wire/call.h"
#include "storage/base/buf.h"

void dapr_list_subscriptions(struct call *c, const ProtobufCMessage *req);
void dapr_on_topic_event(struct call *c, const ProtobufCMessage *req);       /* takes the bytes */
void dapr_on_bulk_topic_event(struct call *c, const ProtobufCMessage *req);  /* takes the bytes */
void dapr_health_check(struct call *c, const ProtobufCMessage *req);
void dapr_subscriptions_json(struct buf *out);                               /* for GET /dapr/subscribe */

#endif
