/* server/http/subscribe_http.h -- GET /dapr/subscribe. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_SUBSCRIBE_HTTP_H
#define SERVER_HTTP_SUBSCRIBE_HTTP_H

#include "server/http/http.h"

void subscribe_get(struct http_request *r);

#endif
