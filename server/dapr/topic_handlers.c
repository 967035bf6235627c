#include "server/dapr/dapr.h"

#include "dapr/proto/runtime/v1/appcallback.pb-c.h"
#include "server/dapr/topic_event.h"
#include "server/ingest/ingest.h"
#include "server/ingest/wire.h"
#include "server/services.h"

enum { MAX_ENTRIES = 5000, EVENT_TEXT_BYTES = 17 << 20 };

typedef Dapr__Proto__Runtime__V1__TopicEventResponse__TopicEventResponseStatus answer;
#define ANSWER(name) DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__##name

struct delivery {
	struct call *call;
	struct slice *entry_ids;  /* of a bulk */
	uint32_t n;
};

static answer answer_of(enum outcome o)
{
	return o == OUT_STORED || o == OUT_DUPLICATE || o == OUT_REJECTED ? ANSWER(SUCCESS) : ANSWER(RETRY);
}

static void reply_single(struct call *c, answer a)
{
	Dapr__Proto__Runtime__V1__TopicEventResponse out = DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__INIT;

	out.status = a;
	call_reply(c, &out.base);
}

static void reply_bulk(struct delivery *d, const struct ingest_request *r)
{
	Dapr__Proto__Runtime__V1__TopicEventBulkResponse out =
		DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_BULK_RESPONSE__INIT;
	struct arena *a = &d->call->arena;
	Dapr__Proto__Runtime__V1__TopicEventBulkResponseEntry *list = arena_alloc(a, d->n * sizeof(*list) + 1);
	Dapr__Proto__Runtime__V1__TopicEventBulkResponseEntry **pointers =
		arena_alloc(a, d->n * sizeof(*pointers) + 1);

	if (!list || !pointers) {
		call_fail_code(d->call, ERR_QUOTA, "the answer is too large");
		return;
	}
	for (uint32_t i = 0; i < d->n; i++) {
		dapr__proto__runtime__v1__topic_event_bulk_response_entry__init(&list[i]);
		list[i].entry_id = arena_strndup(a, d->entry_ids[i].n ? d->entry_ids[i].p : "", d->entry_ids[i].n);
		list[i].status = answer_of(ingest_outcome(r, i));
		pointers[i] = &list[i];
	}
	out.n_statuses = d->n;
	out.statuses = pointers;
	call_reply(d->call, &out.base);
}

static void take(struct ingest_request *r, const struct topic_event *e, struct slice route)
{
	struct buf text;

	buf_init(&text, EVENT_TEXT_BYTES);
	topic_event_print(e, &text);
	ingest_json(r, (struct slice){ text.p, text.n }, route);
	buf_reset(&text);
}

static void on_single(struct ingest_request *r, void *ctx)
{
	reply_single(ctx, answer_of(ingest_outcome(r, 0)));
}

void dapr_on_topic_event(struct call *c, const ProtobufCMessage *req)
{
	struct topic_event e = { 0 };
	struct ingest_bill bill = { .events = 1, .bytes = c->request.n };
	struct ingest_request *r;

	(void)req;
	if (!topic_event_read(c->request, false, &e)) {
		call_fail_code(c, ERR_INVALID, "the message cannot be decoded");
		return;
	}
	bill.source = share_source(call_peer(c), e.source);
	if (ingest_open(c->services->ingest, &bill, on_single, c, &r, NULL)) {
		reply_single(c, ANSWER(RETRY));
		return;
	}
	take(r, &e, e.path.n ? e.path : SLICE("OnTopicEvent"));
	ingest_close(r);
}

static void on_bulk(struct ingest_request *r, void *ctx)
{
	reply_bulk(ctx, r);
}

static void take_entries(struct ingest_request *r, struct delivery *d, const struct topic_bulk *b)
{
	struct slice route = b->path.n ? b->path : SLICE("OnBulkTopicEvent");
	struct wire w = wire_of(d->call->request);
	struct wire_field f;
	uint32_t i = 0;

	while (wire_next(&w, &f)) {
		struct topic_event e = { .topic = b->topic };
		struct slice bytes = { NULL, 0 };

		if (f.number != 2)
			continue;
		if (topic_entry_read(f.bytes, &d->entry_ids[i], &e, &bytes) && !bytes.p)
			take(r, &e, route);
		else
			ingest_json(r, bytes.p ? bytes : f.bytes, route);
		i++;
	}
}

void dapr_on_bulk_topic_event(struct call *c, const ProtobufCMessage *req)
{
	struct delivery *d = arena_zalloc(&c->arena, sizeof(*d));
	struct topic_bulk b = { .n = 0 };
	struct ingest_bill bill = { .bytes = c->request.n };
	struct ingest_request *r;

	(void)req;
	if (!topic_bulk_read(c->request, &b) || b.n > MAX_ENTRIES) {
		call_fail_code(c, ERR_INVALID, "the message cannot be decoded, or holds over 5000 entries");
		return;
	}
	if (d)
		d->entry_ids = arena_zalloc(&c->arena, b.n * sizeof(*d->entry_ids) + 1);
	if (!d || !d->entry_ids) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	d->call = c;
	d->n = b.n;
	bill.events = b.n;
	bill.source = share_source(call_peer(c), b.topic);
	if (ingest_open(c->services->ingest, &bill, on_bulk, d, &r, NULL)) {
		call_fail_code(c, ERR_QUOTA, "too many events are under way; try again");
		return;
	}
	take_entries(r, d, &b);
	ingest_close(r);
}

void dapr_health_check(struct call *c, const ProtobufCMessage *req)
{
	Dapr__Proto__Runtime__V1__HealthCheckResponse out = DAPR__PROTO__RUNTIME__V1__HEALTH_CHECK_RESPONSE__INIT;

	(void)req;
	if (c->services->ready(c->services))
		call_reply(c, &out.base);
	else
		call_fail_code(c, ERR_STORE, "not ready");
}
