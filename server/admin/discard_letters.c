#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/letter_ids.h"
#include "server/services.h"

#include <stdlib.h>

typedef Api__Analytics__V1__DiscardDeadLettersRequest request;
typedef Api__Analytics__V1__DiscardDeadLettersResponse response;

struct discard {
	struct pool_query query;
	struct call *call;
	struct letter_filter filter;
};

static void on_done(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct discard *d = (struct discard *)q; /* its first member */
	response out = API__ANALYTICS__V1__DISCARD_DEAD_LETTERS_RESPONSE__INIT;

	if (c) {
		call_fail_code(d->call, c, e->detail);
		return;
	}
	out.has_discarded = true;
	out.discarded = strtoll(PQcmdTuples((PGresult *)results[0]), NULL, 10);
	call_reply(d->call, &out.base);
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

void admin_discard_dead_letters(struct call *c, const ProtobufCMessage *req)
{
	const request *r = (const void *)req;
	struct letter_choice choice = { r->ids, r->n_ids, r->status, r->error_code, r->topic, r->source, r->event_type };
	struct discard *d = arena_zalloc(&c->arena, sizeof(*d));
	const struct letter_filter *f;
	enum err_code rc;
	struct err e;

	if (!d) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	f = &d->filter;
	if (!letter_choose(c, &choice, &d->filter))
		return;
	d->call = c;
	d->query = (struct pool_query){ .nstatements = 1, .writes = true, .deadline_us = c->deadline_us, .done = on_done };
	d->query.statements[0] = (struct pool_statement){
		"letters_discard", 5, { f->ids, f->error_code, f->topic, f->source, f->event_type }
	};
	c->state = &d->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &d->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
