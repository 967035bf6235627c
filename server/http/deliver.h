/* server/http/deliver.h -- POST /events/...: what the bus delivers, one event or a bulk of them.
 * The answer is 200 with SUCCESS (stored, duplicate or rejected: all committed) or RETRY, since the
 * bus drops on 404 and retries 400 for ever. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_DELIVER_H
#define SERVER_HTTP_DELIVER_H

#include "server/http/http.h"

enum { EVENT_MAX_BYTES = 1 << 20, EVENTS_MAX_BYTES = 16 << 20 };

void deliver_post(struct http_request *r);
uint32_t deliver_ceiling(const struct http_request *r);

#endif
