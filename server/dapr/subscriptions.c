#include "server/dapr/dapr.h"

#include "dapr/proto/runtime/v1/appcallback.pb-c.h"
#include "server/ingest/event_table.h"

#include <stdio.h>

/* A batch of the bus is small beside ours: it waits a moment for more, and no longer. */
enum { BULK_MAX_MESSAGES = 100, BULK_MAX_AWAIT_MS = 100, NAME_BYTES = 128 };
#define PUBSUB "pubsub-redis"
#define DLQ_PREFIX "dlq.analytics."
#define DLQ_ROUTE "dlq"

typedef Dapr__Proto__Runtime__V1__TopicSubscription subscription;

struct names {
	char topic[NAME_BYTES], dead_letter[NAME_BYTES], route[NAME_BYTES];
};

/* Two subscriptions a topic: itself, and its dead-letter topic (which has none of its own). */
static void name_them(struct names *n, const struct topic *t, bool dead)
{
	snprintf(n->topic, sizeof(n->topic), "%s%.*s", dead ? DLQ_PREFIX : "", (int)t->name.n, t->name.p);
	snprintf(n->route, sizeof(n->route), "/events/%s", dead ? DLQ_ROUTE : t->route);
	snprintf(n->dead_letter, sizeof(n->dead_letter), "%s%.*s", dead ? "" : DLQ_PREFIX,
		 dead ? 0 : (int)t->name.n, t->name.p);
}

struct entry {
	struct names names;
	subscription sub;
	Dapr__Proto__Runtime__V1__TopicRoutes routes;
	Dapr__Proto__Runtime__V1__BulkSubscribeConfig bulk;
};

static void fill(struct entry *e, const struct topic *t, bool dead)
{
	name_them(&e->names, t, dead);
	dapr__proto__runtime__v1__topic_subscription__init(&e->sub);
	dapr__proto__runtime__v1__topic_routes__init(&e->routes);
	dapr__proto__runtime__v1__bulk_subscribe_config__init(&e->bulk);
	e->routes.default_ = e->names.route;
	e->bulk.enabled = true;
	e->bulk.max_messages_count = BULK_MAX_MESSAGES;
	e->bulk.max_await_duration_ms = BULK_MAX_AWAIT_MS;
	e->sub.pubsub_name = PUBSUB;
	e->sub.topic = e->names.topic;
	e->sub.routes = &e->routes;
	e->sub.dead_letter_topic = e->names.dead_letter;
	e->sub.bulk_subscribe = &e->bulk;
}

void dapr_list_subscriptions(struct call *c, const ProtobufCMessage *req)
{
	Dapr__Proto__Runtime__V1__ListTopicSubscriptionsResponse out =
		DAPR__PROTO__RUNTIME__V1__LIST_TOPIC_SUBSCRIPTIONS_RESPONSE__INIT;
	size_t n;
	const struct topic *topics = event_topics(&n);
	struct entry *entries = arena_alloc(&c->arena, 2 * n * sizeof(*entries));
	subscription **list = arena_alloc(&c->arena, 2 * n * sizeof(subscription *));

	(void)req;
	if (!entries || !list) {
		call_fail_code(c, ERR_QUOTA, "no memory for the answer");
		return;
	}
	for (size_t i = 0; i < 2 * n; i++) {
		fill(&entries[i], &topics[i / 2], i % 2);
		list[i] = &entries[i].sub;
	}
	out.n_subscriptions = 2 * n;
	out.subscriptions = list;
	call_reply(c, &out.base);
}

void dapr_subscriptions_json(struct buf *out)
{
	size_t n;
	const struct topic *topics = event_topics(&n);
	struct names names;

	buf_putc(out, '[');
	for (size_t i = 0; i < 2 * n; i++) {
		name_them(&names, &topics[i / 2], i % 2);
		buf_printf(out, "%s{\"pubsubname\":\"" PUBSUB "\",\"topic\":\"%s\",\"route\":\"%s\"", i ? "," : "",
			   names.topic, names.route);
		if (*names.dead_letter)
			buf_printf(out, ",\"deadLetterTopic\":\"%s\"", names.dead_letter);
		buf_printf(out, ",\"bulkSubscribe\":{\"enabled\":true,\"maxMessagesCount\":%d,"
				"\"maxAwaitDurationMs\":%d}}", BULK_MAX_MESSAGES, BULK_MAX_AWAIT_MS);
	}
	buf_putc(out, ']');
}
