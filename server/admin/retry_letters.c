#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/letter_ids.h"
#include "server/services.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LETTERS = 5000 };

typedef Api__Analytics__V1__RetryDeadLettersRequest request;
typedef Api__Analytics__V1__RetryDeadLettersResponse response;
typedef Api__Analytics__V1__RetryResult result;
typedef Api__Analytics__V1__RetryError error;

struct retry {
	struct letter_run run;
	struct pool_query states;
	struct call *call;
	const request *req;
	unsigned counts[FATES];
	result **results;
	size_t nresults, cap;
	bool more, failed;         /* failed: the arena is full */
};

/* The next result; NULL when there is no room. */
static result *add(struct retry *t, int64_t id, const char *outcome)
{
	result *to = t->nresults < t->cap ? arena_alloc(&t->call->arena, sizeof(*to)) : NULL;

	if (!to) {
		t->failed = true;
		return NULL;
	}
	api__analytics__v1__retry_result__init(to);
	to->has_id = true;
	to->id = id;
	to->outcome = (char *)outcome;
	t->results[t->nresults++] = to;
	return to;
}

static void explain(struct retry *t, result *to, const char *code, const char *field, const char *message)
{
	error *e = to ? arena_alloc(&t->call->arena, sizeof(*e)) : NULL;

	if (!e)
		return;
	api__analytics__v1__retry_error__init(e);
	e->code = (char *)code;
	e->field = arena_strndup(&t->call->arena, field, strlen(field));
	e->message = arena_strndup(&t->call->arena, message, strlen(message));
	to->error = e;
}

static void on_letter(struct letter_run *r, int64_t id, enum letter_fate f, const struct rejection *rej)
{
	struct retry *t = (struct retry *)r; /* its first member */
	result *to = add(t, id, letter_fate_name(f));

	t->counts[f]++;
	if (rej)
		explain(t, to, reject_name(rej->code), rej->field, rej->message);
	else if (f == FATE_NOT_RETRYABLE)
		explain(t, to, "NOT_RETRYABLE", "", "what is kept of it is not a whole event");
}

static void reply(struct retry *t)
{
	response out = API__ANALYTICS__V1__RETRY_DEAD_LETTERS_RESPONSE__INIT;

	if (t->failed) {
		call_fail_code(t->call, ERR_QUOTA, "the answer is too large; what was retried is recorded");
		return;
	}
	out.has_retried = out.has_stored = out.has_duplicates = out.has_rejected_again = out.has_more = true;
	out.stored = t->counts[FATE_STORED];
	out.duplicates = t->counts[FATE_DUPLICATE];
	out.rejected_again = t->counts[FATE_REJECTED];
	out.retried = out.stored + out.duplicates + out.rejected_again;
	out.more = t->more;
	out.n_results = t->nresults;
	out.results = t->results;
	call_reply(t->call, &out.base);
}

static bool has_result(const struct retry *t, int64_t id)
{
	for (size_t i = 0; i < t->nresults; i++)
		if (t->results[i]->id == id)
			return true;
	return false;
}

/* Ids that were asked for and were not pending. */
static void on_states(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct retry *t = (struct retry *)((char *)q - offsetof(struct retry, states));

	(void)e;
	for (size_t i = 0; i < t->req->n_ids; i++) {
		const char *state = NULL;
		char id[24], text[60];

		if (has_result(t, t->req->ids[i]))
			continue;
		snprintf(id, sizeof(id), "%lld", (long long)t->req->ids[i]);
		for (int k = 0; !c && k < PQntuples(results[0]) && !state; k++)
			if (!strcmp(PQgetvalue(results[0], k, 0), id))
				state = PQgetvalue(results[0], k, 1);
		snprintf(text, sizeof(text), state ? "it is %s" : "there is no such letter", state);
		explain(t, add(t, t->req->ids[i], "skipped"), "SKIPPED", "", c ? "it is not pending" : text);
	}
	reply(t);
}

static void on_done(struct letter_run *r, enum err_code c, const struct err *e, bool more)
{
	struct retry *t = (struct retry *)r;
	struct err ignored;

	if (r->stopped) {
		call_fail_code(t->call, ERR_CANCELLED, "the caller left");
		return;
	}
	if (c) {
		call_fail_code(t->call, c, e->detail);
		return;
	}
	t->more = more;
	if (t->nresults == t->req->n_ids || !t->req->n_ids) {
		reply(t);
		return;
	}
	t->states = (struct pool_query){ .nstatements = 1, .deadline_us = t->call->deadline_us, .done = on_states };
	t->states.statements[0] = (struct pool_statement){ "letters_states", 1, { r->filter.ids } };
	if (pool_run(t->call->services->queries, &t->states, &ignored))
		reply(t);
}

static void on_cancel(struct call *c)
{
	((struct retry *)c->state)->run.stopped = true;
}

void admin_retry_dead_letters(struct call *c, const ProtobufCMessage *req)
{
	const request *r = (const void *)req;
	struct letter_choice choice = { r->ids, r->n_ids, r->status, r->error_code, r->topic, r->source, r->event_type };
	struct retry *t = arena_zalloc(&c->arena, sizeof(*t));
	enum err_code rc;
	struct err e;

	if (t) {
		t->cap = r->n_ids ? r->n_ids : MAX_LETTERS;
		t->results = arena_alloc(&c->arena, t->cap * sizeof(*t->results));
	}
	if (!t || !t->results) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	if (!letter_choose(c, &choice, &t->run.filter))
		return;
	t->call = c;
	t->req = r;
	t->run.services = c->services;
	t->run.dry_run = r->has_dry_run && r->dry_run;
	t->run.limit = MAX_LETTERS;
	t->run.on_letter = on_letter;
	t->run.done = on_done;
	c->state = t;
	c->on_cancel = on_cancel;
	rc = letter_run_start(&t->run, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
