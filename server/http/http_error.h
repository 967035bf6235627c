/* server/http/http_error.h -- errors as clients see them: google.rpc.Status in its JSON form.
 * Memory: an answer's text, freed before return. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_HTTP_ERROR_H
#define SERVER_HTTP_HTTP_ERROR_H

#include "server/http/http.h"
#include "server/wire/call.h"

unsigned http_status_of(int grpc);                 /* 3 -> 400 */
/* Appends {"code":..,"status":..,"message":..,"details":[..]}. */
void http_error_print(struct buf *b, unsigned http, const struct status *s);
void http_fail(struct http_request *r, const struct status *s);
/* The same with an HTTP status of its own; message is static text. */
void http_error(struct http_request *r, unsigned http, enum err_code code, const char *message);

#endif
