#include "server/ingest/publish.h"

#include "api/analytics/v1/ingest.pb-c.h"
#include "server/ingest/ingest.h"
#include "server/services.h"

#include <stdlib.h>

enum {
	MAX_EVENTS = 5000,
	EVENTS_A_TURN = 250,   /* so that a large batch does not keep small calls waiting */
};

typedef Api__Analytics__V1__PublishEventsResponse response;
typedef Api__Analytics__V1__EventResult result;
typedef Api__Analytics__V1__EventError error;

struct publish {
	struct call *call;
	struct ingest_request *request;
	ev_timer next_turn;
	size_t at;             /* in call->request */
};

/* How many events the request holds; false when it is no such message. */
static bool count_events(struct slice request, uint32_t *n)
{
	struct slice event;
	size_t at = 0;
	bool bad = false;

	for (*n = 0; event_next_proto(request, &at, &event, &bad); ++*n)
		;
	return !bad;
}

static error *error_of(struct arena *a, const struct rejection *rej)
{
	error *e = arena_alloc(a, sizeof(*e));

	if (!e)
		return NULL;
	api__analytics__v1__event_error__init(e);
	e->code = (char *)reject_name(rej->code);
	e->field = (char *)rej->field;
	e->message = (char *)rej->message;
	return e;
}

static void fill_result(struct arena *a, result *to, const struct ingest_result *from)
{
	api__analytics__v1__event_result__init(to);
	to->has_index = true;
	to->index = (int32_t)from->index;
	to->event_id = from->event_id.p ? arena_strndup(a, from->event_id.p, from->event_id.n) : NULL;
	to->status = from->outcome == OUT_REJECTED ? "rejected" : "duplicate";
	if (from->outcome == OUT_REJECTED && from->error)
		to->error = error_of(a, from->error);
}

/* False when the arena is full. */
static bool fill_results(struct arena *a, response *out, struct ingest_request *r)
{
	uint32_t n;
	const struct ingest_result *from = ingest_results(r, &n);
	result *list = arena_alloc(a, n * sizeof(*list) + 1);

	out->results = arena_alloc(a, n * sizeof(*out->results) + 1);
	if (!list || !out->results)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		fill_result(a, &list[i], &from[i]);
		out->results[i] = &list[i];
	}
	out->n_results = n;
	return true;
}

static void on_settled(struct ingest_request *r, void *ctx)
{
	struct publish *p = ctx;
	struct call *c = p->call;
	response out = API__ANALYTICS__V1__PUBLISH_EVENTS_RESPONSE__INIT;

	free(p);
	if (ingest_count(r, OUT_UNAVAILABLE)) {
		call_fail_code(c, ERR_STORE, "the database is away; nothing unacknowledged is kept, send again");
		return;
	}
	out.has_accepted = out.has_duplicates = out.has_rejected = true;
	out.accepted = ingest_count(r, OUT_STORED);
	out.duplicates = ingest_count(r, OUT_DUPLICATE);
	out.rejected = ingest_count(r, OUT_REJECTED);
	if (fill_results(&c->arena, &out, r))
		call_reply(c, &out.base);
	else
		call_fail_code(c, ERR_QUOTA, "the answer is too large");
}

static void take_some(struct publish *p)
{
	struct slice event;
	bool bad = false;

	for (int i = 0; i < EVENTS_A_TURN; i++) {
		if (!event_next_proto(p->call->request, &p->at, &event, &bad)) {
			ingest_close(p->request);
			return;
		}
		ingest_proto(p->request, event, SLICE("PublishEvents"));
	}
	loop_timer(p->call->services->loop, &p->next_turn, 0, 0);
}

static void on_next_turn(struct ev_loop *ev, ev_timer *t, int revents)
{
	(void)ev, (void)revents;
	take_some(t->data);
}

void publish_events(struct call *c, const ProtobufCMessage *req)
{
	struct publish *p;
	struct err e;
	enum err_code rc;
	uint32_t n;

	(void)req;
	if (!count_events(c->request, &n)) {
		call_fail_code(c, ERR_INVALID, "the message cannot be decoded");
		return;
	}
	if (n > MAX_EVENTS) {
		call_fail_field(c, "events", "at most 5000 events a call");
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	p->call = c;
	ev_init(&p->next_turn, on_next_turn);
	p->next_turn.data = p;
	rc = ingest_open(c->services->ingest, c->request.n, on_settled, p, &p->request, &e);
	if (rc) {
		free(p);
		call_fail_code(c, rc, e.detail);
		return;
	}
	take_some(p);
}
