/* server/http/http_stream.h -- an answer whose body comes piece by piece, as long as the client listens.
 * The connection takes what read gives, and rests (suspended) when it gives nothing; a client that does not take
 * its bytes holds what the connection buffers and no more, and is cut after the door's idle timeout.
 * Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_HTTP_STREAM_H
#define SERVER_HTTP_HTTP_STREAM_H

#include "server/http/http.h"

struct http_stream_ops {
	size_t (*read)(void *ctx, char *to, size_t max); /* bytes written to `to`; 0: nothing now */
	void (*gone)(void *ctx);                         /* once, last: the end of the request, its arena included */
};

/* Answers 200. From here on the request is ended by http_stream_end, or by the client. */
void http_stream_answer(struct http_request *r, const char *content_type, const struct http_stream_ops *ops, void *ctx);
void http_stream_wake(struct http_request *r);           /* read has something again */
void http_stream_end(struct http_request *r);            /* nothing more is read */

#endif
