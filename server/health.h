/* server/health.h -- grpc.health.v1: is this worker ready to take calls? Served for the whole server ("")
 * and for every service it has; Watch tells changes as they happen. */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include "server/wire/stream.h"

void health_check(struct call *c, const ProtobufCMessage *req);
extern const struct stream_ops health_watch;

#endif
