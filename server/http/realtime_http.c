#include "server/http/realtime_http.h"

#include "server/http/http_args.h"
#include "server/http/http_error.h"
#include "server/http/http_stream.h"
#include "server/query/realtime.h"

#include <api/analytics/v1/analytics.pb-c.h>

typedef Api__Analytics__V1__StreamRealTimeMetricsRequest request_msg;

struct live {
	struct realtime_listener listener;
	struct http_request *request;
	struct realtime_frame *frame; /* being sent */
	size_t sent;                  /* bytes of it */
	uint64_t version;             /* of the last frame that was taken up */
	bool answered;
};

static struct live *live_of(struct realtime_listener *l)
{
	return (struct live *)((char *)l - offsetof(struct live, listener));
}

static size_t on_read(void *ctx, char *to, size_t max)
{
	struct live *l = ctx;
	struct realtime_frame *f = realtime_frame(&l->listener);
	size_t n;

	if (!l->frame) {
		if (!f || f->version == l->version)
			return 0;
		l->frame = realtime_frame_hold(f);
		l->version = f->version;
		l->sent = 0;
	}
	n = l->frame->event.n - l->sent;
	if (n > max)
		n = max;
	memcpy(to, l->frame->event.p + l->sent, n);
	l->sent += n;
	if (l->sent == l->frame->event.n)
		l->frame = realtime_frame_drop(l->frame);
	return n;
}

static void on_gone(void *ctx)
{
	struct live *l = ctx;

	realtime_leave(&l->listener);
	realtime_frame_drop(l->frame);
}

static const struct http_stream_ops ops = { on_read, on_gone };

static void on_changed(struct realtime_listener *listener)
{
	struct live *l = live_of(listener);

	if (l->answered) {
		http_stream_wake(l->request);
		return;
	}
	l->answered = true;
	http_stream_answer(l->request, "text/event-stream", &ops, l);
}

static void on_ended(struct realtime_listener *listener, const struct status *why)
{
	struct live *l = live_of(listener);

	if (l->answered)
		http_stream_end(l->request);
	else
		http_fail(l->request, why);
}

/* Before there was a frame. */
static void on_left(void *ctx)
{
	struct live *l = ctx;

	realtime_leave(&l->listener);
	http_error(l->request, 503, ERR_CANCELLED, "the caller left");
}

void realtime_stream_get(struct http_request *r)
{
	struct live *l = arena_zalloc(http_arena(r), sizeof(*l));
	struct http_args args;
	struct status why;

	if (!l || !http_args_begin(&args, http_arena(r),
				   &api__analytics__v1__stream_real_time_metrics_request__descriptor)) {
		http_error(r, 503, ERR_QUOTA, "out of memory");
		return;
	}
	http_each_arg(r, http_args_set, &args);
	if (args.status.nviolations) {
		http_fail(r, &args.status);
		return;
	}
	l->request = r;
	l->listener.changed = on_changed;
	l->listener.ended = on_ended;
	if (!realtime_listen(http_services(r)->realtime, &l->listener, ((request_msg *)args.message)->time_zone, &why))
		http_fail(r, &why);
	else if (realtime_frame(&l->listener))
		on_changed(&l->listener);
	else
		http_on_gone(r, on_left, l);
}
