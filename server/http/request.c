#include "server/http/request.h"

#include "server/http/http_error.h"
#include "storage/base/metrics.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <xxhash.h>

enum {
	ARENA_BYTES = 8 << 20,
	BODY_BUDGET_BYTES = 64 << 20, /* all bodies under way */
	DROP_BYTES =
		16 << 20, /* we read this much beyond a ceiling so that the client hears its 413 */
	BUSY_RETRY_S = 1,
};

static const char content_security_policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"connect-src 'self'; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static bool path_matches(const char *pattern, const char *path)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return strncmp(pattern, path, n - 1) == 0 && path[n - 1];
	return strcmp(pattern, path) == 0;
}

static bool about_health(const struct http_route *t)
{
	return !strncmp(t->path, "/health/", 8) || !strcmp(t->path, "/metrics");
}

/* Sets route, and refused for a path we do not know or not with this method. */
static void find_route(struct http_request *r, const char *method)
{
	r->refused = MHD_HTTP_NOT_FOUND;
	for (const struct http_route *t = http_routes; t->method; t++) {
		if (!path_matches(t->path, r->path) || (r->services->only_health && !about_health(t)))
			continue;
		r->route = t;
		if (!strcmp(t->method, method) ||
		    (!strcmp(t->method, "GET") && !strcmp(method, "HEAD"))) {
			r->refused = 0;
			return;
		}
		r->refused = MHD_HTTP_METHOD_NOT_ALLOWED;
		r->allow = strcmp(t->method, "GET") ? t->method : "GET, HEAD";
	}
}

static struct http_request *begin(struct http *h, struct MHD_Connection *c, const char *url,
				  const char *method)
{
	size_t n = strlen(url) + 1;
	struct http_request *r = calloc(1, sizeof(*r) + n);
	struct slice length;

	if (!r)
		return NULL;
	r->http = h;
	r->services = h->services;
	r->connection = c;
	memcpy(r->path, url, n);
	arena_init(&r->arena, ARENA_BYTES);
	find_route(r, method);
	r->ceiling = r->route ? r->route->max_body : 0;
	if (!r->refused && r->route->ceiling)
		r->ceiling = r->route->ceiling(r);
	buf_init(&r->body, r->ceiling);
	length = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (length.p && !r->refused) {
		unsigned long long bytes = strtoull(length.p, NULL, 10);

		if (bytes > r->ceiling)
			r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
		else
			r->body.limit =
				bytes; /* the last doubling then takes no more than is needed */
	}
	r->next = h->open;
	if (r->next)
		r->next->prev = r;
	h->open = r;
	return r;
}

static void refuse(struct http_request *r)
{
	switch (r->refused) {
	case MHD_HTTP_NOT_FOUND:
		http_error(r, r->refused, ERR_NOT_FOUND, "there is nothing at this path");
		break;
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		http_error(r, r->refused, ERR_UNKNOWN_CALL, "this path does not take this method");
		break;
	case MHD_HTTP_CONTENT_TOO_LARGE:
		http_error(r, r->refused, ERR_INVALID, "the body is larger than this path takes");
		break;
	default:
		http_error(r, r->refused, ERR_QUOTA, "too many bytes under way");
	}
}

void http_drop_body(struct http_request *r)
{
	if (r->http)
		r->http->body_bytes -= r->body.cap;
	buf_reset(&r->body);
}

/* Is it better to answer before the body came? A client that waits for our word, or has more than we throw
 * away, must hear at once; any other would find the connection closed while it still writes. */
static bool answer_early(struct http_request *r)
{
	struct slice length = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return r->refused == MHD_HTTP_CONTENT_TOO_LARGE &&
	       (http_header(r, MHD_HTTP_HEADER_EXPECT).p ||
		strtoull(length.p, NULL, 10) > (unsigned long long)r->ceiling + DROP_BYTES);
}

/* False when the connection is to be closed. */
static bool take(struct http_request *r, const char *data, size_t n)
{
	size_t cap = r->body.cap;

	if (!r->refused && n > r->ceiling - r->body.n)
		r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
	if (!r->refused && r->http->body_bytes + n > BODY_BUDGET_BYTES)
		r->refused = MHD_HTTP_SERVICE_UNAVAILABLE;
	if (r->refused) {
		http_drop_body(r);
		r->dropped += n;
		return r->dropped <= (size_t)r->ceiling + DROP_BYTES;
	}
	buf_put(&r->body, data, n);
	r->http->body_bytes += r->body.cap - cap;
	return !r->body.failed;
}

static void unlink_request(struct http_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->http->open = r->next;
	if (r->next)
		r->next->prev = r->prev;
}

static void request_free(struct http_request *r)
{
	request_unwatch(r);
	if (r->stream)
		r->stream->gone(r->stream_ctx);
	http_drop_body(r);
	arena_reset(&r->arena);
	if (r->response)
		MHD_destroy_response(r->response);
	free(r);
}

static void count(const struct http_request *r)
{
	unsigned status = r->status ? r->status : 499; /* left before its answer */
	size_t row = r->route ? (size_t)(r->route - http_routes) : 0;
	struct metric **m;

	if (!r->route)
		while (http_routes[row].method)
			row++;
	assert(status >= 100 && status < 100 + HTTP_STATUSES);
	m = &r->http->series[row][status - 100];
	if (!*m) {
		char code[16];

		snprintf(code, sizeof(code), "%u", status);
		*m = metric_get(M_HTTP, r->route ? r->route->path : "unknown", code);
	}
	metric_add(*m, 1);
}

void request_on_completed(void *cls, struct MHD_Connection *c, void **slot,
			  enum MHD_RequestTerminationCode how)
{
	struct http_request *r = *slot;

	(void)cls, (void)how;
	*slot = NULL;
	clients_note_answer(c);
	if (!r || !r->http) /* a detached one lives until its handler answers */
		return;
	assert(r->state != REQUEST_WAITING);
	count(r);
	unlink_request(r);
	request_free(r);
}

void request_detach(struct http_request *r)
{
	request_unwatch(r);
	unlink_request(r);
	r->http = NULL;
	MHD_resume_connection(r->connection);
}

static void on_gone_io(struct ev_loop *ev, ev_io *w, int events)
{
	struct http_request *r = w->data;
	char byte;
	ssize_t n = recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)ev, (void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_io(r->services->loop, w, -1,
		0); /* the next request's bytes: nothing to learn any more */
	if (n <= 0)
		r->on_gone(r->gone_ctx);
}

/* A suspended connection is not read by the daemon, so we look ourselves whether the client is
 * still there. */
void request_watch(struct http_request *r)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	ev_init(&r->gone_io, on_gone_io);
	r->gone_io.data = r;
	loop_io(r->services->loop, &r->gone_io, i->connect_fd, EV_READ);
}

void request_unwatch(struct http_request *r)
{
	loop_io(r->services->loop, &r->gone_io, -1, 0);
}

void http_on_gone(struct http_request *r, void (*fn)(void *ctx), void *ctx)
{
	r->on_gone = fn;
	r->gone_ctx = ctx;
	if (r->http && r->state == REQUEST_WAITING && !ev_is_active(&r->gone_io))
		request_watch(r);
}

static enum MHD_Result send_answer(struct http_request *r)
{
	return r->response ? MHD_queue_response(r->connection, r->status, r->response) : MHD_NO;
}

enum MHD_Result request_on_access(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **slot)
{
	struct http_request *r = *slot;

	(void)version;
	if (!r) {
		*slot = r = begin(cls, c, url, method);
		if (!r)
			return MHD_NO;
		if (!answer_early(r))
			return MHD_YES;
		refuse(r);
		return send_answer(r);
	}
	if (r->state == REQUEST_ANSWERED)
		return send_answer(r);
	if (*size) {
		bool go_on = take(r, data, *size);

		*size = 0;
		return go_on ? MHD_YES : MHD_NO;
	}
	if (r->refused) {
		refuse(r);
		return send_answer(r);
	}
	clients_note_request(c);
	r->state = REQUEST_HANDLING;
	r->route->handle(r);
	if (r->state == REQUEST_ANSWERED)
		return send_answer(r);
	r->state = REQUEST_WAITING;
	MHD_suspend_connection(c);
	if (r->on_gone)
		request_watch(r);
	return MHD_YES;
}

void request_answer(struct http_request *r, unsigned status, const char *content_type, struct MHD_Response *m)
{
	bool waiting = r->state == REQUEST_WAITING;

	assert(r->state != REQUEST_ANSWERED);
	r->state = REQUEST_ANSWERED;
	r->status = status;
	r->response = m;
	if (m) {
		MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
		MHD_add_response_header(m, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
		MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
		MHD_add_response_header(m, "Content-Security-Policy", content_security_policy);
		if (r->allow)
			MHD_add_response_header(m, MHD_HTTP_HEADER_ALLOW, r->allow);
		if (r->services->draining)
			MHD_add_response_header(m, MHD_HTTP_HEADER_CONNECTION, "close");
	}
	if (!r->http) {
		request_free(r);
		return;
	}
	if (!waiting)
		return;
	request_unwatch(r);
	MHD_resume_connection(r->connection); /* which wakes nobody */
	http_wake(r->http);
}

void http_answer(struct http_request *r, unsigned status, const char *content_type,
		 struct slice body, unsigned retry_after_s)
{
	struct MHD_Response *m = MHD_create_response_from_buffer(
		body.n, body.n ? (void *)body.p : "", MHD_RESPMEM_MUST_COPY);
	char seconds[16];

	if (m && retry_after_s) {
		snprintf(seconds, sizeof(seconds), "%u", retry_after_s);
		MHD_add_response_header(m, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	request_answer(r, status, content_type, m);
}

const struct services *http_services(const struct http_request *r)
{
	return r->services;
}

struct arena *http_arena(struct http_request *r)
{
	return &r->arena;
}

struct slice http_body(const struct http_request *r)
{
	return (struct slice){ r->body.n ? r->body.p : "", r->body.n };
}

struct slice http_path(const struct http_request *r)
{
	return slice_of(r->path);
}

uint64_t http_peer(const struct http_request *r)
{
	const struct sockaddr *a =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

	return XXH3_64bits(a, a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
							: sizeof(struct sockaddr_in));
}

struct slice http_header(const struct http_request *r, const char *name)
{
	return slice_of(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

struct each {
	void (*fn)(void *ctx, struct slice name, struct slice value);
	void *ctx;
};

static enum MHD_Result on_pair(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
			       const char *value, size_t value_size)
{
	const struct each *each = cls;

	(void)kind;
	each->fn(each->ctx, (struct slice){ key, key_size },
		 (struct slice){ value ? value : "", value_size });
	return MHD_YES;
}

void http_each_arg(struct http_request *r,
		   void (*fn)(void *ctx, struct slice name, struct slice value), void *ctx)
{
	struct each each = { fn, ctx };

	MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, on_pair, &each);
}

void http_each_header(struct http_request *r,
		      void (*fn)(void *ctx, struct slice name, struct slice value), void *ctx)
{
	struct each each = { fn, ctx };

	MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, on_pair, &each);
}
