#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/cells.h"
#include "server/services.h"
#include "storage/pg/pool.h"

#include <stdio.h>

enum { DEFAULT_DAYS = 7, MAX_DAYS = 366 };

typedef Api__Analytics__V1__ListReconciliationReportsRequest request;
typedef Api__Analytics__V1__ListReconciliationReportsResponse response;
typedef Api__Analytics__V1__ReconciliationReport report;

struct listing {
	struct pool_query query;
	struct call *call;
	char days[16];
};

static void fill(report *to, const PGresult *p, int row)
{
	api__analytics__v1__reconciliation_report__init(to);
	to->date = cell_text(p, row, 0);
	to->subject = cell_text(p, row, 1);
	to->event_type = cell_text(p, row, 2);
	to->has_expected = !PQgetisnull(p, row, 3);
	to->expected = cell_double(p, row, 3);
	to->has_actual = true;
	to->actual = cell_int(p, row, 4);
	to->has_gap_ratio = !PQgetisnull(p, row, 5);
	to->gap_ratio = cell_double(p, row, 5);
	to->severity = cell_text(p, row, 6);
	to->note = cell_text(p, row, 7);
	to->made_at = cell_text(p, row, 8);
}

static void on_listed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct listing *l = (struct listing *)q; /* its first member */
	response out = API__ANALYTICS__V1__LIST_RECONCILIATION_REPORTS_RESPONSE__INIT;
	report *list;
	size_t n;

	if (c == ERR_DATA)
		call_fail_field(l->call, "date", "a date such as 2026-11-23 is wanted");
	else if (c)
		call_fail_code(l->call, c, e->detail);
	if (c)
		return;
	n = (size_t)PQntuples(results[0]);
	list = arena_alloc(&l->call->arena, n * sizeof(*list) + 1);
	out.reports = arena_alloc(&l->call->arena, n * sizeof(*out.reports) + 1);
	if (!list || !out.reports) {
		call_fail_code(l->call, ERR_QUOTA, "the answer is too large; ask for fewer days");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		fill(&list[i], results[0], (int)i);
		out.reports[i] = &list[i];
	}
	out.n_reports = n;
	call_reply(l->call, &out.base);
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

static const char *text_or_null(const char *s)
{
	return s && *s ? s : NULL;
}

void admin_list_reconciliation_reports(struct call *c, const ProtobufCMessage *req)
{
	const request *r = (const void *)req;
	struct listing *l = arena_zalloc(&c->arena, sizeof(*l));
	int days = r->has_days ? r->days : DEFAULT_DAYS;
	enum err_code rc;
	struct err e;

	if (!l) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	if (days < 1) {
		call_fail_field(c, "days", "must be at least 1");
		return;
	}
	l->call = c;
	snprintf(l->days, sizeof(l->days), "%d", days < MAX_DAYS ? days : MAX_DAYS);
	l->query = (struct pool_query){ .nstatements = 1, .deadline_us = c->deadline_us, .done = on_listed };
	l->query.statements[0] = (struct pool_statement){
		"reconciliation_list", 4,
		{ text_or_null(r->date), l->days, text_or_null(r->event_type), text_or_null(r->severity) }
	};
	c->state = &l->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &l->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
