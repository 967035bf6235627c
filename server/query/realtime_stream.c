/* StreamRealTimeMetrics: the newest frame whenever the one before is out. */
#include "server/query/query.h"
#include "server/query/realtime.h"

#include <api/analytics/v1/analytics.pb-c.h>
#include <stdlib.h>

struct live {
	struct realtime_listener listener;
	struct stream *stream;
	uint64_t sent;             /* the frame's version */
};

static struct live *live_of(struct realtime_listener *l)
{
	return (struct live *)((char *)l - offsetof(struct live, listener));
}

static void go_on(struct live *l)
{
	const struct realtime_frame *f = realtime_frame(&l->listener);
	void *copy;

	if (!f || f->version == l->sent || stream_sending(l->stream))
		return;
	copy = malloc(f->packed.n ? f->packed.n : 1);
	if (!copy)
		return; /* the next frame, then */
	memcpy(copy, f->packed.p, f->packed.n);
	if (stream_send_packed(l->stream, copy, f->packed.n))
		l->sent = f->version;
	else
		free(copy);
}

static void on_changed(struct realtime_listener *l)
{
	go_on(live_of(l));
}

static void on_ended(struct realtime_listener *l, const struct status *why)
{
	stream_finish(live_of(l)->stream, why);
}

static void refuse(struct stream *s, enum err_code code, const char *message)
{
	struct status why;

	status_of(&why, code, message);
	stream_finish(s, &why);
}

static void on_message(struct stream *s, struct slice bytes)
{
	ProtobufCAllocator a = arena_allocator(stream_arena(s));
	Api__Analytics__V1__StreamRealTimeMetricsRequest *r;
	struct status why;
	struct live *l;

	if (stream_state(s))
		return;
	r = api__analytics__v1__stream_real_time_metrics_request__unpack(&a, bytes.n, (const uint8_t *)bytes.p);
	if (!r) {
		refuse(s, ERR_INVALID, "the message cannot be decoded");
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l) {
		refuse(s, ERR_QUOTA, "no memory for the stream");
		return;
	}
	l->stream = s;
	l->listener.changed = on_changed;
	l->listener.ended = on_ended;
	stream_set_state(s, l);
	if (realtime_listen(stream_services(s)->realtime, &l->listener, r->time_zone, &why))
		go_on(l);
	else
		stream_finish(s, &why);
}

static void on_half_closed(struct stream *s)
{
	if (!stream_state(s))
		refuse(s, ERR_INVALID, "the call carried no message");
}

static void on_writable(struct stream *s)
{
	if (stream_state(s))
		go_on(stream_state(s));
}

static void on_gone(struct stream *s)
{
	struct live *l = stream_state(s);

	if (!l)
		return;
	realtime_leave(&l->listener);
	free(l);
}

const struct stream_ops query_realtime_stream = {
	.open = stream_read,
	.message = on_message,
	.half_closed = on_half_closed,
	.writable = on_writable,
	.gone = on_gone,
};
