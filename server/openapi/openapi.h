/* server/openapi/openapi.h -- the HTTP side as an OpenAPI 3.0 document. What is about events and the service itself
 * stands in openapi.json; the answers are added from the embedded descriptors (names, types, comments) and the rows
 * of rpcs[] that have an HTTP path, in the form that json_print gives them.
 * Memory: the caller's buffer. Threads: the reactor. Blocking: never. */
#ifndef SERVER_OPENAPI_OPENAPI_H
#define SERVER_OPENAPI_OPENAPI_H

#include "server/http/http.h"

void openapi_print(struct buf *out);
void openapi_get(struct http_request *r);

#endif
