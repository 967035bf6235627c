/* server/http/http.h -- the HTTP door: libmicrohttpd driven by our loop (its epoll descriptor is
 * watched). Memory: a request's body up to its route's ceiling, at most http.max_connections of
 * them. Threads: the reactor. Blocking: never; an answer may come later (the connection is
 * suspended meanwhile). */
#ifndef SERVER_HTTP_HTTP_H
#define SERVER_HTTP_HTTP_H

#include "server/services.h"
#include "storage/base/buf.h"
#include "storage/base/err.h"
#include "storage/base/slice.h"

#include <stdint.h>

struct http;
struct http_request;

/* A route's handler: called once, when the whole body is there. It ends the request with
 * http_answer, now or later. */
typedef void http_fn(struct http_request *r);

struct http_route {
	const char *method, *path;    /* "*" at the end: anything below that path */
	http_fn *handle;
	uint32_t max_body;            /* bytes; beyond it 413 */
	uint32_t (*ceiling)(const struct http_request
				    *r); /* a lower ceiling by the request's headers; may be NULL */
};
extern const struct http_route
	http_routes[]; /* server/http/http_table.c; ends with method == NULL */

MUST_CHECK enum err_code http_create(struct http **out, const struct services *s, struct err *e);
void http_stop_listening(struct http *h); /* drain: no new connections, open requests go on */
bool http_quiet(const struct http *h);           /* no request under way */
struct http *http_destroy(struct http *h);       /* NULL-safe; returns NULL */

const struct services *http_services(const struct http_request *r);
struct arena *http_arena(struct http_request *r);          /* lives until the answer is sent */
uint64_t http_peer(const struct http_request *r);          /* tells connections apart: a hash */
struct slice http_body(const struct http_request *r);
struct slice http_path(const struct http_request *r);
struct slice http_header(const struct http_request *r, const char *name); /* p == NULL: absent */
/* Calls fn for each query argument, in order; a missing value is empty. */
void http_each_arg(struct http_request *r,
		   void (*fn)(void *ctx, struct slice name, struct slice value), void *ctx);
void http_each_header(struct http_request *r,
		      void (*fn)(void *ctx, struct slice name, struct slice value), void *ctx);
void http_drop_body(struct http_request *r);               /* frees the body before the answer */
void http_on_gone(struct http_request *r, void (*fn)(void *ctx),
		  void *ctx); /* the client left before the answer */
/* body is copied. retry_after_s: 0 for no such header. */
void http_answer(struct http_request *r, unsigned status, const char *content_type,
		 struct slice body, unsigned retry_after_s);

#endif
