/* server/wire/status.h -- google.rpc.Status for grpc-status-details-bin: at most one BadRequest, one
 * ErrorInfo (always) and one RetryInfo. Memory: the result lives in the arena. Threads: any. Blocking: never. */
#ifndef SERVER_WIRE_STATUS_H
#define SERVER_WIRE_STATUS_H

#include "server/wire/call.h"

/* The packed message; p == NULL when the arena is full (the status then goes without details). */
struct slice status_details(struct arena *a, const struct status *s);

#define STATUS_DOMAIN "analytics"

#endif
