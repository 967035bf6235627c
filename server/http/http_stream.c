#include "server/http/http_stream.h"

#include "server/http/request.h"

static void unpark(struct http_request *r)
{
	if (!r->parked)
		return;
	r->parked = false;
	request_unwatch(r);
	MHD_resume_connection(r->connection);
	http_wake(r->http);
}

static void on_client_gone(void *ctx)
{
	struct http_request *r = ctx;

	r->stream_over = true;
	unpark(r);
}

static ssize_t on_read(void *cls, uint64_t at, char *to, size_t max)
{
	struct http_request *r = cls;
	size_t n;

	(void)at;
	if (r->stream_over)
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = r->stream->read(r->stream_ctx, to, max);
	if (!n) {
		r->parked = true;
		MHD_suspend_connection(r->connection);
		request_watch(r);
	}
	return (ssize_t)n;
}

void http_stream_answer(struct http_request *r, const char *content_type, const struct http_stream_ops *ops, void *ctx)
{
	struct MHD_Response *m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_STREAM_BLOCK_BYTES, on_read,
								   r, NULL);

	if (m)
		MHD_add_response_header(m, "X-Accel-Buffering", "no"); /* a proxy is to pass it on at once */
	r->stream = ops;
	r->stream_ctx = ctx;
	r->on_gone = on_client_gone;
	r->gone_ctx = r;
	request_answer(r, MHD_HTTP_OK, content_type, m);
}

void http_stream_wake(struct http_request *r)
{
	unpark(r);
}

void http_stream_end(struct http_request *r)
{
	r->stream_over = true;
	unpark(r);
}
