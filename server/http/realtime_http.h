/* server/http/realtime_http.h -- StreamRealTimeMetrics as server-sent events: each one's data is the answer as JSON.
 * Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_REALTIME_HTTP_H
#define SERVER_HTTP_REALTIME_HTTP_H

#include "server/http/http.h"

void realtime_stream_get(struct http_request *r);

#endif
