#include "server/health.h"

#include "grpc/health/v1/health.pb-c.h"
#include "server/reflection.h"

#include <stdlib.h>

#define LOOK_EVERY_S 0.25

struct watch {
	struct stream *stream;
	ev_timer timer;
	char *service;
	int told;                 /* the status last sent; -1: none yet */
};

static int status_now(const struct services *s, const char *service)
{
	if (*service && !reflection_has_service(service))
		return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	return s->ready(s) ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
			   : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

void health_check(struct call *c, const ProtobufCMessage *req)
{
	const Grpc__Health__V1__HealthCheckRequest *r = (const void *)req;
	Grpc__Health__V1__HealthCheckResponse out = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	out.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status_now(c->services, r->service);
	if (out.status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN)
		call_fail_code(c, ERR_NOT_FOUND, "no such service here");
	else
		call_reply(c, &out.base);
}

static void tell(struct watch *w)
{
	Grpc__Health__V1__HealthCheckResponse out = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	int now = status_now(stream_services(w->stream), w->service);

	if (now == w->told)
		return;
	out.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)now;
	if (stream_send(w->stream, &out.base))
		w->told = now;
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int revents)
{
	(void)loop, (void)revents;
	tell(t->data);
}

static void watch_open(struct stream *s)
{
	stream_read(s);
}

static void watch_message(struct stream *s, struct slice bytes)
{
	ProtobufCAllocator a = arena_allocator(stream_arena(s));
	Grpc__Health__V1__HealthCheckRequest *r;
	struct status why;
	struct watch *w;

	if (stream_state(s))
		return;
	r = grpc__health__v1__health_check_request__unpack(&a, bytes.n, (const uint8_t *)bytes.p);
	w = r ? calloc(1, sizeof(*w)) : NULL;
	if (!w || !(w->service = strdup(r->service))) {
		free(w);
		status_of(&why, ERR_INVALID, "the message cannot be decoded");
		stream_finish(s, &why);
		return;
	}
	w->stream = s;
	w->told = -1;
	ev_init(&w->timer, on_timer);
	w->timer.data = w;
	stream_set_state(s, w);
	loop_timer(stream_services(s)->loop, &w->timer, LOOK_EVERY_S, LOOK_EVERY_S);
	tell(w);
}

static void watch_half_closed(struct stream *s)
{
	struct status why;

	if (stream_state(s))
		return;
	status_of(&why, ERR_INVALID, "the call carried no message");
	stream_finish(s, &why);
}

static void watch_writable(struct stream *s)
{
	if (stream_state(s))
		tell(stream_state(s));
}

static void watch_gone(struct stream *s)
{
	struct watch *w = stream_state(s);

	if (!w)
		return;
	loop_timer_stop(stream_services(s)->loop, &w->timer);
	free(w->service);
	free(w);
}

const struct stream_ops health_watch = {
	.open = watch_open,
	.message = watch_message,
	.half_closed = watch_half_closed,
	.writable = watch_writable,
	.gone = watch_gone,
};
