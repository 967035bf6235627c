#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/cells.h"
#include "server/services.h"
#include "storage/pg/pool.h"

#include <stdio.h>

enum { DEFAULT_DAYS = 7, MAX_DAYS = 366 };

typedef Api__Analytics__V1__ListAnomaliesRequest request;
typedef Api__Analytics__V1__ListAnomaliesResponse response;
typedef Api__Analytics__V1__Anomaly anomaly;

struct listing {
	struct pool_query query;
	struct call *call;
	char days[16];
};

static void fill(anomaly *to, const PGresult *p, int row)
{
	api__analytics__v1__anomaly__init(to);
	to->has_events = to->has_mean = to->has_deviation = to->has_z_score = true;
	to->quarter = cell_text(p, row, 0);
	to->event_type = cell_text(p, row, 1);
	to->events = cell_int(p, row, 2);
	to->mean = cell_double(p, row, 3);
	to->deviation = cell_double(p, row, 4);
	to->z_score = cell_double(p, row, 5);
}

static void on_listed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct listing *l = (struct listing *)q; /* its first member */
	response out = API__ANALYTICS__V1__LIST_ANOMALIES_RESPONSE__INIT;
	anomaly *list;
	size_t n;

	if (c) {
		call_fail_code(l->call, c, e->detail);
		return;
	}
	n = (size_t)PQntuples(results[0]);
	list = arena_alloc(&l->call->arena, n * sizeof(*list) + 1);
	out.anomalies = arena_alloc(&l->call->arena, n * sizeof(*out.anomalies) + 1);
	if (!list || !out.anomalies) {
		call_fail_code(l->call, ERR_QUOTA, "the answer is too large; ask for fewer days");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		fill(&list[i], results[0], (int)i);
		out.anomalies[i] = &list[i];
	}
	out.n_anomalies = n;
	call_reply(l->call, &out.base);
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

void admin_list_anomalies(struct call *c, const ProtobufCMessage *req)
{
	const request *r = (const void *)req;
	struct listing *l = arena_zalloc(&c->arena, sizeof(*l));
	int days = r->has_days ? r->days : DEFAULT_DAYS;
	const char *type = r->event_type && *r->event_type ? r->event_type : NULL;
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
	l->query.statements[0] = (struct pool_statement){ "anomalies_list", 2, { l->days, type } };
	c->state = &l->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &l->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
