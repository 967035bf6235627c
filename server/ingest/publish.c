#include "server/ingest/publish.h"

#include "server/ingest/feed.h"

struct publish {
	struct call *call;
	struct feed feed;
};

static void on_settled(struct ingest_request *r, void *ctx)
{
	struct call *c = ((struct publish *)ctx)->call; /* both in the call's arena, which ends with it */
	Api__Analytics__V1__PublishEventsResponse *answer;

	if (ingest_count(r, OUT_UNAVAILABLE)) {
		call_fail_code(c, ERR_STORE, "the database is away; nothing unacknowledged is kept, send again");
		return;
	}
	answer = feed_answer(&c->arena, r);
	if (answer)
		call_reply(c, &answer->base);
	else
		call_fail_code(c, ERR_QUOTA, "the answer is too large");
}

void publish_events(struct call *c, const ProtobufCMessage *req)
{
	struct publish *p = arena_zalloc(&c->arena, sizeof(*p));
	struct err e;
	enum err_code rc;

	(void)req;
	if (!p) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	p->call = c;
	rc = feed_open(&p->feed, c->services, call_peer(c), c->request, on_settled, p, &e);
	if (rc == ERR_INVALID)
		call_fail_field(c, "events", e.detail);
	else if (rc)
		call_fail_code(c, rc, e.detail);
	else
		feed_run(&p->feed);
}
