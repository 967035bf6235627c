/* server/http/binary_mode.h -- a CloudEvent in HTTP's binary mode (ce-* headers, the body is its
 * data) as the same event in structured mode. Memory: the caller's buffer. Threads: the reactor.
 * Blocking: never. */
#ifndef SERVER_HTTP_BINARY_MODE_H
#define SERVER_HTTP_BINARY_MODE_H

#include "server/http/http.h"

bool binary_mode(const struct http_request *r);
/* A body that is to be JSON and is not comes out as it is, so that it is judged as what it is. */
void binary_mode_envelope(struct http_request *r, struct buf *out);
/* Undoes %XX; other bytes as they are. */
void binary_mode_decode(struct buf *out, struct slice header_value);

#endif
