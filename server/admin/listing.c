#include "server/admin/listing.h"

#include "server/query/question.h"
#include "server/services.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_DAYS = 7, MAX_DAYS = 366, DAYS_BYTES = 12 };

struct asked {
	struct pool_query query;
	struct call *call;
	struct listing listing;
};

static void on_listed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct asked *a = (struct asked *)q; /* its first member */
	const struct listing *l = &a->listing;
	ProtobufCMessage *m;

	if (c == ERR_DATA && l->blamed)
		call_fail_field(a->call, l->blamed, l->expected);
	else if (c)
		call_fail_code(a->call, c, e->detail);
	if (c)
		return;
	m = arena_alloc(&a->call->arena, l->response->sizeof_message);
	if (m)
		protobuf_c_message_init(l->response, m);
	if (m && question_fill(&a->call->arena, m, l->field, results[0]))
		call_reply(a->call, m);
	else
		call_fail_code(a->call, ERR_QUOTA, "the answer is too large; ask for less");
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

void listing_ask(struct call *c, const struct listing *l)
{
	struct asked *a = arena_zalloc(&c->arena, sizeof(*a));
	enum err_code rc;
	struct err e;

	if (!a) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	a->call = c;
	a->listing = *l;
	a->query = (struct pool_query){ .deadline_us = c->deadline_us, .done = on_listed };
	a->query.nstatements = 1;
	a->query.statements[0] = l->statement;
	c->state = &a->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &a->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}

bool listing_days(struct call *c, bool given, int32_t days, const char **out)
{
	char *text = arena_alloc(&c->arena, DAYS_BYTES);
	int n = given ? days : DEFAULT_DAYS;

	if (n < 1) {
		call_fail_field(c, "days", "must be at least 1");
		return false;
	}
	if (!text) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return false;
	}
	snprintf(text, DAYS_BYTES, "%d", n < MAX_DAYS ? n : MAX_DAYS);
	*out = text;
	return true;
}

bool listing_among(struct call *c, const char *field, const char *text, const char *const *names)
{
	char known[128];
	size_t n = 0;

	if (!listing_filter(text))
		return true;
	for (size_t i = 0; names[i]; i++) {
		if (!strcmp(text, names[i]))
			return true;
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "one of ", names[i]);
	}
	call_fail_field(c, field, known);
	return false;
}

const char *listing_filter(const char *text)
{
	return text && *text ? text : NULL;
}
