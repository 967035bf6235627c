/* server/http/metrics_http.h -- GET /metrics: Prometheus text, of all workers. Blocking: never. */
#ifndef SERVER_HTTP_METRICS_HTTP_H
#define SERVER_HTTP_METRICS_HTTP_H

#include "server/http/http.h"

void metrics_http_get(struct http_request *r);

#endif
