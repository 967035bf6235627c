/* server/http/cloudevents.h -- POST /events: CloudEvents over HTTP in structured, binary and batch
 * mode. 200 with the counts and the results of those not accepted; 400 for a single rejected event;
 * 503 with Retry-After when the database is away or there is no room. Threads: the reactor.
 * Blocking: never. */
#ifndef SERVER_HTTP_CLOUDEVENTS_H
#define SERVER_HTTP_CLOUDEVENTS_H

#include "server/http/http.h"

void cloudevents_post(struct http_request *r);
uint32_t cloudevents_ceiling(const struct http_request *r);

#endif
