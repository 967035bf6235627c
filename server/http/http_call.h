/* server/http/http_call.h -- a question over HTTP: the same handlers as gRPC's, by the rows of
 * rpcs[]. Memory: the call's arena. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_HTTP_CALL_H
#define SERVER_HTTP_HTTP_CALL_H

#include "server/http/http.h"

/* GET below /api/v1/analytics/: the row whose http_path it is. */
void http_call_get(struct http_request *r);

#endif
