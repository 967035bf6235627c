/* server/http/request.h -- a request under way, for the door's own files only.
 * Memory: one struct http_request a request, its body and its arena; all bodies together are held
 * under BODY_BUDGET_BYTES. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_REQUEST_H
#define SERVER_HTTP_REQUEST_H

#include "server/http/clients.h"
#include "server/http/http.h"
#include "server/http/http_stream.h"
#include "storage/base/arena.h"

#include <ev.h>
#include <microhttpd.h>

enum { HTTP_STATUSES = 500 };  /* 100 to 599 */
enum { HTTP_STREAM_BLOCK_BYTES = 8 * 1024 };

struct metric;
struct http {
	struct http_clients clients;
	const struct services *services;
	struct MHD_Daemon *daemon;
	ev_io io;                      /* the daemon's epoll descriptor */
	ev_timer timer;
	bool woken;                    /* http_wake since the daemon's last turn */
	int listen_fd;                 /* -1 once we stopped listening */
	struct http_request *open;     /* every request under way */
	size_t body_bytes;             /* of all of them */
	struct metric *(*series)[HTTP_STATUSES]; /* a row a route, and one for unknown paths */
};

enum request_state {
	REQUEST_READING,   /* the body is coming -> HANDLING, ANSWERED */
	REQUEST_HANDLING,  /* inside the route's function -> ANSWERED, WAITING */
	REQUEST_WAITING,   /* suspended until http_answer -> ANSWERED */
	REQUEST_ANSWERED,
};

struct http_request {
	struct http *http;             /* NULL: the door is gone, the handler is still to answer */
	const struct services *services;
	struct http_request *prev, *next;
	struct MHD_Connection *connection;
	const struct http_route *route;        /* NULL: unknown path */
	enum request_state state;
	unsigned refused; /* status we answer with instead of calling the handler; 0: none */
	const char *allow;             /* for 405 */
	uint32_t ceiling;              /* bytes of body */
	size_t dropped;                /* bytes read over it */
	struct buf body;
	struct arena arena;
	struct MHD_Response *response;
	unsigned status;
	void (*on_gone)(void *ctx);
	void *gone_ctx;
	ev_io gone_io;
	const struct http_stream_ops *stream;  /* of an answer in pieces */
	void *stream_ctx;
	bool parked;                   /* suspended: there is no piece at the moment */
	bool stream_over;              /* no more of them are read */
	char path[];
};

void http_wake(
	struct http *h); /* the daemon's turn comes at once, though not from inside this call */
/* libmicrohttpd's callbacks; cls is the struct http. */
enum MHD_Result request_on_access(void *cls, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **slot);
void request_on_completed(void *cls, struct MHD_Connection *c, void **slot,
			  enum MHD_RequestTerminationCode how);
/* Answers with m (NULL: out of memory, the connection is closed), which gets the headers that all answers have. */
void request_answer(struct http_request *r, unsigned status, const char *content_type, struct MHD_Response *m);
/* Looks for the client's leaving while the connection is suspended: on_gone. */
void request_watch(struct http_request *r);
void request_unwatch(struct http_request *r);
/* A waiting one at the door's end: the answer, when it comes, goes nowhere. */
void request_detach(struct http_request *r);

#endif
