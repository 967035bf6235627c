#include "server/query/realtime.h"

#include "server/http/json_print.h"
#include "server/ingest/timestamp.h"
#include "server/query/query.h"
#include "server/query/question.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"

#include <api/analytics/v1/analytics.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

typedef Api__Analytics__V1__GetRealTimeMetricsRequest request_msg;
typedef Api__Analytics__V1__StreamRealTimeMetricsResponse response_msg;

enum { MAX_ZONES = 16, ARENA_BYTES = 1 << 20, EVENT_BYTES = 1 << 20 };
#define EVERY_S 1.0          /* between the beginnings of two questions */
#define BUSY_SHARE 4         /* a question of n seconds is asked every 4 n at most ... */
#define LONGEST_S 5.0        /* ... but no more seldom than this */
#define TELL_EVERY_US UINT64_C(9000000)
#define GIVE_UP_US UINT64_C(10000000)

static const char bad_zone[] = "must be an IANA time zone such as Europe/Paris";

/* One question: the same for a call and for a topic. */
struct present {
	struct pool_query query;
	char zone[RANGE_ZONE_BYTES], now[RANGE_TEXT_BYTES];
};

struct realtime_topic {                   /* a time zone that somebody listens to */
	struct realtime *of;
	struct realtime_listener *listeners;
	struct present present;
	struct realtime_frame *frame;
	struct buf figures;               /* the frame's without dataAsOf, packed: to see whether they differ */
	ev_timer timer;                   /* the next question */
	uint64_t asked_us, told_us;       /* the question under way; the last time that listeners heard of a frame */
	bool asking;
};

struct realtime {
	const struct services *services;
	struct realtime_topic topics[MAX_ZONES];
	struct metric *streams;
	unsigned listeners;
	uint64_t version;
	bool draining;
};

/* The question */

/* p->zone is set. */
static void present_prepare(struct present *p)
{
	enum { AS_OF, METRICS, ORDERS, USERS, STATEMENTS };
	struct pool_statement *s = p->query.statements;

	timestamp_format(clock_wall_us(), p->now);
	p->query.nstatements = STATEMENTS;
	s[AS_OF] = (struct pool_statement){ .name = "answer_as_of" };
	s[METRICS] = (struct pool_statement){ .name = "realtime_metrics", .nparams = 2, .params = { p->zone, p->now } };
	s[ORDERS] = (struct pool_statement){ .name = "realtime_orders" };
	s[USERS] = (struct pool_statement){ .name = "realtime_users", .nparams = 1, .params = { p->now } };
}

/* NULL: out of memory. Its texts are the results'. */
static ProtobufCMessage *present_read(struct arena *a, const ProtobufCMessageDescriptor *d, PGresult *const *results)
{
	static const char *const fields[] = { NULL, "metrics", "recent_orders", "active_users" };
	ProtobufCMessage *m = arena_alloc(a, d->sizeof_message);

	if (m)
		protobuf_c_message_init(d, m);
	for (size_t i = 0; m && i < sizeof(fields) / sizeof(*fields); i++)
		if (!question_fill(a, m, fields[i], results[i]))
			return NULL;
	return m;
}

static void zone_refused(struct status *why)
{
	status_of(why, ERR_INVALID, "");
	snprintf(why->message, sizeof(why->message), "timeZone: %s", bad_zone);
	why->nviolations = 1;
	why->violations[0] = (struct violation){ "timeZone", bad_zone };
}

static void present_failed(struct status *why, enum err_code c, const struct err *e)
{
	const char *message = "the figures could not be computed";

	if (c == ERR_DATA) { /* the zone is all that we gave it */
		zone_refused(why);
		return;
	}
	if (c == ERR_STORE)
		message = "the database cannot be asked at the moment";
	else if (c == ERR_QUOTA)
		message = "too many questions are waiting";
	else if (c == ERR_DEADLINE)
		message = "the answer takes longer than the deadline allows";
	else if (c == ERR_CANCELLED)
		message = "the caller left";
	else
		log_error("query.realtime", "%s: %s", err_name(c), e ? e->detail : "");
	status_of(why, c, message);
}

/* NULL: none of that name. */
static const char *zone_of(const struct services *s, const char *given)
{
	return range_zone(given && *given ? given : s->conf->business_timezone);
}

/* GetRealTimeMetrics */

struct one_call {
	struct present present;
	struct call *call;
};

static void on_cancel(struct call *c)
{
	struct one_call *o = c->state;

	pool_cancel(c->services->queries, &o->present.query);
}

static void on_answer(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct one_call *o = (struct one_call *)((char *)q - offsetof(struct one_call, present.query));
	struct call *call = o->call;
	ProtobufCMessage *m;
	struct status why;

	if (c != ERR_OK) {
		present_failed(&why, c, e);
		call_fail(call, &why);
		return;
	}
	m = present_read(&call->arena, &api__analytics__v1__get_real_time_metrics_response__descriptor, results);
	if (m)
		call_reply(call, m);
	else
		call_fail_code(call, ERR_QUOTA, "the answer is too large");
}

void query_realtime(struct call *c, const ProtobufCMessage *req)
{
	const char *zone = zone_of(c->services, ((const request_msg *)req)->time_zone);
	struct one_call *o = arena_zalloc(&c->arena, sizeof(*o));
	struct err e = { 0 };
	struct status why;
	enum err_code rc;

	if (!zone || !o) {
		if (zone)
			status_of(&why, ERR_QUOTA, "no memory left for this call");
		else
			zone_refused(&why);
		call_fail(c, &why);
		return;
	}
	o->call = c;
	snprintf(o->present.zone, sizeof(o->present.zone), "%s", zone);
	present_prepare(&o->present);
	o->present.query.done = on_answer;
	o->present.query.deadline_us = c->deadline_us;
	c->state = o;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &o->present.query, &e);
	if (rc != ERR_OK) {
		present_failed(&why, rc, &e);
		call_fail(c, &why);
	}
}

/* Frames */

struct realtime_frame *realtime_frame_hold(struct realtime_frame *f)
{
	f->refs++;
	return f;
}

struct realtime_frame *realtime_frame_drop(struct realtime_frame *f)
{
	if (f && --f->refs == 0)
		free(f);
	return NULL;
}

/* Both forms of m; NULL: out of memory. JSON holds no line end, which would end an event; who loses the connection
 * is to try again after 2 s. */
static struct realtime_frame *frame_make(const ProtobufCMessage *m)
{
	size_t packed = protobuf_c_message_get_packed_size(m);
	struct realtime_frame *f = NULL;
	struct buf event;

	buf_init(&event, EVENT_BYTES);
	buf_puts(&event, "retry: 2000\ndata: ");
	json_print(&event, m);
	buf_puts(&event, "\n\n");
	if (!event.failed)
		f = malloc(sizeof(*f) + packed + event.n);
	if (f) {
		uint8_t *at = (uint8_t *)(f + 1);

		*f = (struct realtime_frame){ .refs = 1, .packed = { (char *)at, packed },
					      .event = { (char *)at + packed, event.n } };
		protobuf_c_message_pack(m, at);
		memcpy(at + packed, event.p, event.n);
	}
	buf_reset(&event);
	return f;
}

/* Do the figures differ from those before? Keeps them. */
static bool figures_changed(struct realtime_topic *t, response_msg *m)
{
	char *as_of = m->data_as_of;
	struct buf now;
	uint8_t *to;
	bool changed;
	size_t n;

	m->data_as_of = NULL;
	n = protobuf_c_message_get_packed_size(&m->base);
	buf_init(&now, ARENA_BYTES);
	to = (uint8_t *)buf_reserve(&now, n + 1);
	if (to) {
		protobuf_c_message_pack(&m->base, to);
		now.n = n;
	}
	m->data_as_of = as_of;
	changed = !to || now.n != t->figures.n || memcmp(now.p, t->figures.p, n) != 0;
	buf_reset(&t->figures);
	t->figures = now;
	return changed;
}

/* Topics */

static void leave(struct realtime_listener *l)
{
	struct realtime *rt = l->topic->of;

	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	l->topic = NULL;
	l->next = NULL;
	l->at = NULL;
	rt->listeners--;
	metric_set(rt->streams, rt->listeners);
}

static void end_all(struct realtime_topic *t, const struct status *why)
{
	while (t->listeners) {
		struct realtime_listener *l = t->listeners;

		leave(l);
		l->ended(l, why);
	}
}

/* Nobody listens: it forgets all, and its place is free. */
static void sleep_topic(struct realtime_topic *t)
{
	loop_timer_stop(t->of->services->loop, &t->timer);
	t->frame = realtime_frame_drop(t->frame);
	buf_reset(&t->figures);
	t->told_us = 0;
}

static void ask_again(struct realtime_topic *t)
{
	double took = (double)(clock_mono_us() - t->asked_us) / 1e6, wait = took * (BUSY_SHARE - 1);

	t->asking = false;
	if (!t->listeners) {
		sleep_topic(t);
		return;
	}
	if (wait < EVERY_S - took)
		wait = EVERY_S - took;
	loop_timer(t->of->services->loop, &t->timer, wait < LONGEST_S ? wait : LONGEST_S, 0);
}

static void asking_failed(struct realtime_topic *t, enum err_code c, const struct err *e)
{
	struct status why;

	if (c == ERR_DATA || !t->frame || clock_mono_us() - t->told_us >= GIVE_UP_US) {
		present_failed(&why, c, e);
		end_all(t, &why);
	}
	ask_again(t);
}

static void tell(struct realtime_topic *t, struct realtime_frame *f, bool news)
{
	uint64_t now = clock_mono_us();

	news = news || now - t->told_us >= TELL_EVERY_US;
	if (news) {
		t->of->version++;
		t->told_us = now;
	}
	f->version = news ? t->of->version : t->frame->version;
	realtime_frame_drop(t->frame);
	t->frame = f;
	for (struct realtime_listener *l = t->listeners, *next; news && l; l = next) {
		next = l->next; /* l may leave */
		l->changed(l);
	}
}

static void on_figures(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct realtime_topic *t =
		(struct realtime_topic *)((char *)q - offsetof(struct realtime_topic, present.query));
	struct realtime_frame *f = NULL;
	struct arena a;
	ProtobufCMessage *m;
	bool news = false;

	if (c != ERR_OK) {
		asking_failed(t, c, e);
		return;
	}
	arena_init(&a, ARENA_BYTES);
	m = present_read(&a, &api__analytics__v1__stream_real_time_metrics_response__descriptor, results);
	if (m)
		f = frame_make(m);
	if (f)
		news = figures_changed(t, (response_msg *)m) || !t->frame;
	arena_reset(&a);
	if (f) {
		tell(t, f, news);
		ask_again(t);
	} else {
		asking_failed(t, ERR_QUOTA, NULL);
	}
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
	struct realtime_topic *t = w->data;
	const struct services *s = t->of->services;
	struct err e = { 0 };
	enum err_code rc;

	(void)ev, (void)events;
	if (t->asking)
		return;
	t->asking = true;
	t->asked_us = clock_mono_us();
	present_prepare(&t->present);
	t->present.query.done = on_figures;
	t->present.query.deadline_us = t->asked_us + s->conf->query_timeout_ms * UINT64_C(1000);
	rc = pool_run(s->queries, &t->present.query, &e);
	if (rc != ERR_OK)
		asking_failed(t, rc, &e);
}

static struct realtime_topic *topic_of(struct realtime *rt, const char *zone)
{
	struct realtime_topic *free_one = NULL;

	for (int i = 0; i < MAX_ZONES; i++) {
		struct realtime_topic *t = &rt->topics[i];

		if (!t->listeners && !t->asking)
			free_one = t;
		else if (strcmp(t->present.zone, zone) == 0)
			return t;
	}
	if (free_one)
		snprintf(free_one->present.zone, sizeof(free_one->present.zone), "%s", zone);
	return free_one;
}

/* Listeners */

bool realtime_listen(struct realtime *rt, struct realtime_listener *l, const char *zone, struct status *why)
{
	struct realtime_topic *t;

	zone = zone_of(rt->services, zone);
	if (!zone) {
		zone_refused(why);
		return false;
	}
	t = topic_of(rt, zone);
	if (rt->draining) {
		status_of(why, ERR_STORE, "the server shuts down; try again");
		return false;
	}
	if (!t || rt->listeners >= rt->services->conf->realtime_streams) {
		status_of(why, ERR_QUOTA, t ? "too many streams are open" : "too many time zones are listened to");
		return false;
	}
	if (!t->listeners && !t->asking)
		loop_timer(rt->services->loop, &t->timer, 0, 0);
	l->topic = t;
	l->next = t->listeners;
	l->at = &t->listeners;
	if (l->next)
		l->next->at = &l->next;
	t->listeners = l;
	metric_set(rt->streams, ++rt->listeners);
	return true;
}

void realtime_leave(struct realtime_listener *l)
{
	struct realtime_topic *t = l->topic;

	if (!t)
		return;
	leave(l);
	if (!t->listeners && !t->asking)
		sleep_topic(t);
}

struct realtime_frame *realtime_frame(const struct realtime_listener *l)
{
	return l->topic ? l->topic->frame : NULL;
}

enum err_code realtime_create(struct realtime **out, const struct services *s, struct err *e)
{
	struct realtime *rt = calloc(1, sizeof(*rt));

	if (!rt)
		return err_set(e, ERR_QUOTA, "no memory for the figures of the present");
	rt->services = s;
	rt->streams = metric_get(M_STREAMS, "", "");
	for (int i = 0; i < MAX_ZONES; i++) {
		struct realtime_topic *t = &rt->topics[i];

		t->of = rt;
		ev_init(&t->timer, on_timer);
		t->timer.data = t;
		buf_init(&t->figures, ARENA_BYTES);
	}
	*out = rt;
	return ERR_OK;
}

void realtime_drain(struct realtime *rt)
{
	struct status why;

	rt->draining = true;
	status_of(&why, ERR_STORE, "the server shuts down; try again");
	for (int i = 0; i < MAX_ZONES; i++)
		end_all(&rt->topics[i], &why);
}

struct realtime *realtime_destroy(struct realtime *rt)
{
	if (!rt)
		return NULL;
	for (int i = 0; i < MAX_ZONES; i++)
		sleep_topic(&rt->topics[i]);
	free(rt);
	return NULL;
}
