#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/erase_run.h"
#include "server/ingest/event_table.h"
#include "server/ingest/ingest.h"
#include "server/ingest/suppress.h"
#include "server/services.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef Api__Analytics__V1__EraseCustomerRequest request;
typedef Api__Analytics__V1__EraseCustomerResponse response;
typedef Api__Analytics__V1__ErasedRows rows;

struct erasing {
	struct pool_query query;
	struct erase_run run;
	struct call *call;
	bool dry_run, running;
	const char *customer, *emails;   /* as stored; the address by every key, an array literal. NULL: not given */
	char hashes[2 * PII_HASH_CHARS + 4], key_id[40], erased_at[40];
};

static bool given(const char *s)
{
	return s && *s;
}

static void on_report(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct erasing *t = (struct erasing *)q; /* its first member */
	response out = API__ANALYTICS__V1__ERASE_CUSTOMER_RESPONSE__INIT;
	rows *list;
	int n;

	if (c) {
		call_fail_code(t->call, c, e->detail);
		return;
	}
	n = PQntuples(results[0]);
	list = arena_alloc(&t->call->arena, (size_t)n * sizeof(*list) + 1);
	out.tables = arena_alloc(&t->call->arena, (size_t)n * sizeof(*out.tables) + 1);
	if (!list || !out.tables) {
		call_fail_code(t->call, ERR_QUOTA, "the answer is too large");
		return;
	}
	out.has_total_rows = out.has_dry_run = true;
	for (int i = 0; i < n; i++) {
		out.tables[i] = &list[i];
		api__analytics__v1__erased_rows__init(&list[i]);
		list[i].table = PQgetvalue(results[0], i, 0);
		list[i].has_rows = true;
		list[i].rows = strtoll(PQgetvalue(results[0], i, 1), NULL, 10);
		out.total_rows += list[i].rows;
	}
	out.n_tables = (size_t)n;
	out.dry_run = t->dry_run;
	out.erased_at = t->erased_at;
	call_reply(t->call, &out.base);
}

static void ask(struct erasing *t, struct pool_statement s, bool writes,
		void (*done)(struct pool_query *, enum err_code, PGresult *const *, const struct err *))
{
	enum err_code c;
	struct err e;

	t->query = (struct pool_query){ .nstatements = 1, .writes = writes, .deadline_us = t->call->deadline_us,
					.done = done };
	t->query.statements[0] = s;
	c = pool_run(t->call->services->queries, &t->query, &e);
	if (c)
		call_fail_code(t->call, c, e.detail);
}

static void on_run_done(struct erase_run *r, enum err_code c, const struct err *e)
{
	struct erasing *t = (struct erasing *)((char *)r - offsetof(struct erasing, run));

	t->running = false;
	if (c)
		call_fail_code(t->call, c, e->detail[0] ? e->detail : "the erasure goes on by itself");
	else
		ask(t, (struct pool_statement){ "erasure_report", 1, { t->run.id } }, false, on_report);
}

static void on_begun(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct erasing *t = (struct erasing *)q;

	if (c) {
		call_fail_code(t->call, c, e->detail);
		return;
	}
	t->run = (struct erase_run){ .services = t->call->services, .done = on_run_done };
	snprintf(t->run.id, sizeof(t->run.id), "%s", PQgetvalue(results[0], 0, 0));
	snprintf(t->erased_at, sizeof(t->erased_at), "%s", PQgetvalue(results[0], 0, 1));
	t->running = true;
	erase_run_start(&t->run);
}

/* What was begun goes on without its caller. */
static void on_cancel(struct call *c)
{
	struct erasing *t = c->state;

	if (t->running)
		erase_run_stop(&t->run);
	else
		pool_cancel(c->services->queries, &t->query);
}

/* False when the call was answered. */
static bool acceptable(struct call *c, const request *r)
{
	if (!given(r->customer_id) && !given(r->email))
		call_fail_field(c, "customerId", "a customer's id or an e-mail address is wanted");
	else if (given(r->customer_id) && strlen(r->customer_id) > ID_BYTES)
		call_fail_field(c, "customerId", "longer than 200 bytes");
	else if (given(r->email) && (strlen(r->email) > LABEL_BYTES || !strchr(r->email, '@')))
		call_fail_field(c, "email", "not an e-mail address");
	else if (!given(r->mode) || (strcmp(r->mode, "delete") && strcmp(r->mode, "anonymize")))
		call_fail_field(c, "mode", "delete or anonymize");
	return !c->ended;
}

/* {"form","form"}: nothing in a form needs an escape. */
static const char *email_forms(struct erasing *t, struct pii *p, const char *sent, struct slice by_present_key)
{
	unsigned n;
	const struct pii_key *old = ingest_old_keys(t->call->services->ingest, &n);
	struct text list;

	text_init(&list, p->a, 256);
	text_puts(&list, "{\"");
	text_slice(&list, by_present_key);
	for (unsigned i = 0; i < n; i++) {
		struct pii by_old = { .a = p->a, .key = &old[i] };

		text_puts(&list, "\",\"");
		text_slice(&list, pii_email(&by_old, slice_of(sent)));
		p->failed |= by_old.failed;
	}
	text_put(&list, "\"}", 3); /* with the NUL */
	p->failed |= list.failed;
	return list.p;
}

/* The identities as rows have them, and their hashes. False: no memory. */
static bool identify(struct erasing *t, const request *r)
{
	struct arena *a = &t->call->arena;
	struct pii p = { .a = a, .key = ingest_key(t->call->services->ingest) };
	struct slice none = { 0 }, customer, email, of_customer, of_email;

	customer = given(r->customer_id) ? pii_scrub_id(&p, slice_of(r->customer_id)) : none;
	email = given(r->email) ? pii_email(&p, slice_of(r->email)) : none;
	of_customer = suppress_hash_customer(&p, customer);
	of_email = suppress_hash_email(&p, email);
	t->customer = customer.p ? arena_strndup(a, customer.p, customer.n) : NULL;
	t->emails = email.p ? email_forms(t, &p, r->email, email) : NULL;
	snprintf(t->hashes, sizeof(t->hashes), "{%.*s%s%.*s}", (int)of_customer.n, of_customer.p ? of_customer.p : "",
		 customer.p && email.p ? "," : "", (int)of_email.n, of_email.p ? of_email.p : "");
	snprintf(t->key_id, sizeof(t->key_id), "%.*s", (int)p.key->id.n, p.key->id.p);
	return !p.failed && (!customer.p || t->customer) && (!email.p || t->emails);
}

void admin_erase_customer(struct call *c, const ProtobufCMessage *req)
{
	const request *r = (const void *)req;
	struct erasing *t = arena_zalloc(&c->arena, sizeof(*t));

	if (!t) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	t->call = c;
	if (!acceptable(c, r))
		return;
	if (!identify(t, r)) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	t->dry_run = r->has_dry_run && r->dry_run;
	c->state = t;
	c->on_cancel = on_cancel;
	ask(t, (struct pool_statement){ "erasure_begin", 7,
					{ r->mode, t->dry_run ? "true" : "false", t->customer, t->emails, t->hashes, t->key_id,
					  ERASE_LEASE } },
	    true, on_begun);
}
