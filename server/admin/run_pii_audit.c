#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/job_control.h"
#include "storage/pg/pool.h"

#include <stddef.h>
#include <stdlib.h>

enum { QUERY_US = 5 * 1000000 };

typedef Api__Analytics__V1__RunPiiAuditResponse response;
typedef Api__Analytics__V1__PiiFinding finding;

struct auditing {
	struct job_ask ask;
	struct pool_query query;
	struct call *call;
	bool reading;
};

static void on_report(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct call *call = ((struct auditing *)((char *)q - offsetof(struct auditing, query)))->call;
	response out = API__ANALYTICS__V1__RUN_PII_AUDIT_RESPONSE__INIT;
	const PGresult *p = results[0];
	finding *list;
	int n;

	if (c || !(n = PQntuples(p))) {
		call_fail_code(call, c ? c : ERR_INTERNAL, c ? e->detail : "the audit has left no report");
		return;
	}
	list = arena_alloc(&call->arena, (size_t)n * sizeof(*list));
	out.findings = arena_alloc(&call->arena, (size_t)n * sizeof(*out.findings));
	if (!list || !out.findings) {
		call_fail_code(call, ERR_QUOTA, "the answer is too large");
		return;
	}
	out.has_rows = true;
	out.rows = strtoll(PQgetvalue(p, 0, 0), NULL, 10);
	out.started_at = PQgetvalue(p, 0, 3);
	out.finished_at = PQgetvalue(p, 0, 4);
	for (int i = 0; i < n; i++) {
		finding *f = &list[out.n_findings];

		if (PQgetisnull(p, i, 7))
			continue;
		api__analytics__v1__pii_finding__init(f);
		f->table = PQgetvalue(p, i, 5);
		f->column = PQgetvalue(p, i, 6);
		f->has_rows = true;
		f->rows = strtoll(PQgetvalue(p, i, 7), NULL, 10);
		out.findings[out.n_findings++] = f;
	}
	call_reply(call, &out.base);
}

static void on_done(struct job_ask *a, enum err_code c, const struct err *e)
{
	struct auditing *t = (struct auditing *)a; /* its first member */
	struct err own;

	if (!c) {
		t->query = (struct pool_query){ .nstatements = 1, .done = on_report,
						.deadline_us = clock_mono_us() + QUERY_US };
		t->query.statements[0] = (struct pool_statement){ "pii_scan_report", 1, { "audit" } };
		c = pool_run(t->call->services->queries, &t->query, &own);
		t->reading = !c;
		e = &own;
	}
	if (c)
		call_fail_code(t->call, c, e->detail);
}

static void on_cancel(struct call *c)
{
	struct auditing *t = c->state;

	if (t->reading) {
		pool_cancel(c->services->queries, &t->query);
		return;
	}
	c->services->jobs->forget(c->services->jobs, &t->ask);
	call_fail_code(c, ERR_CANCELLED, "the caller left; the audit goes on");
}

void admin_run_pii_audit(struct call *c, const ProtobufCMessage *req)
{
	struct auditing *t = arena_zalloc(&c->arena, sizeof(*t));
	struct job_control *jobs = c->services->jobs;
	enum err_code rc;
	struct err e;

	(void)req;
	if (!t) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	t->call = c;
	t->ask.done = on_done;
	rc = jobs->run(jobs, "pii_audit", NULL, &t->ask, &e);
	if (rc) {
		call_fail_code(c, rc, e.detail);
		return;
	}
	c->state = t;
	c->on_cancel = on_cancel;
}
