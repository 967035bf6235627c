/* server/http/health_http.h -- what an orchestrator asks. Live: the gRPC port really speaks HTTP/2
 * (it is dialled at each question). Ready: this worker takes calls. Threads: the reactor. Blocking:
 * never. */
#ifndef SERVER_HTTP_HEALTH_HTTP_H
#define SERVER_HTTP_HEALTH_HTTP_H

#include "server/http/http.h"

void health_live_get(struct http_request *r);
void health_ready_get(struct http_request *r);

#endif
