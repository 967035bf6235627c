#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/cells.h"
#include "server/services.h"
#include "storage/pg/pool.h"

/* Of a larger partition so many pages are looked at: 16 MiB. */
#define WHOLE_PAGES "2000"

typedef Api__Analytics__V1__GetStorageCostResponse response;
typedef Api__Analytics__V1__TypeCost type_cost;
typedef Api__Analytics__V1__TableCost table_cost;

struct costing {
	struct pool_query query;
	struct call *call;
};

static bool fill_types(struct arena *a, const PGresult *p, response *out)
{
	int n = PQntuples(p);
	type_cost *list = arena_alloc(a, (size_t)n * sizeof(*list) + 1);

	out->types = arena_alloc(a, (size_t)n * sizeof(*out->types) + 1);
	if (!list || !out->types)
		return false;
	for (int i = 0; i < n; i++) {
		type_cost *t = out->types[i] = &list[i];

		api__analytics__v1__type_cost__init(t);
		t->event_type = PQgetvalue(p, i, 0);
		t->has_events = t->has_bytes = t->has_sampled = true;
		t->events = cell_int(p, i, 1);
		t->bytes = cell_int(p, i, 2);
		t->sampled = *PQgetvalue(p, i, 3) == 't';
		out->total_events += t->events;
		out->total_bytes += t->bytes;
		out->sampled |= t->sampled;
	}
	out->n_types = (size_t)n;
	return true;
}

static bool fill_tables(struct arena *a, const PGresult *p, response *out)
{
	int n = PQntuples(p);
	table_cost *list = arena_alloc(a, (size_t)n * sizeof(*list) + 1);

	out->tables = arena_alloc(a, (size_t)n * sizeof(*out->tables) + 1);
	if (!list || !out->tables)
		return false;
	for (int i = 0; i < n; i++) {
		table_cost *t = out->tables[i] = &list[i];

		api__analytics__v1__table_cost__init(t);
		t->table = PQgetvalue(p, i, 0);
		t->has_bytes = true;
		t->bytes = cell_int(p, i, 1);
	}
	out->n_tables = (size_t)n;
	return true;
}

static void on_done(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct call *call = ((struct costing *)q)->call; /* its first member */
	response out = API__ANALYTICS__V1__GET_STORAGE_COST_RESPONSE__INIT;

	if (c) {
		call_fail_code(call, c, e->detail);
		return;
	}
	out.has_total_bytes = out.has_total_events = out.has_sampled = true;
	if (fill_types(&call->arena, results[0], &out) && fill_tables(&call->arena, results[1], &out))
		call_reply(call, &out.base);
	else
		call_fail_code(call, ERR_QUOTA, "the answer is too large");
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

void admin_get_storage_cost(struct call *c, const ProtobufCMessage *req)
{
	struct costing *t = arena_zalloc(&c->arena, sizeof(*t));
	enum err_code rc;
	struct err e;

	(void)req;
	if (!t) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	t->call = c;
	t->query = (struct pool_query){ .nstatements = 2, .deadline_us = c->deadline_us, .done = on_done };
	t->query.statements[0] = (struct pool_statement){ "storage_types", 1, { WHOLE_PAGES } };
	t->query.statements[1] = (struct pool_statement){ .name = "storage_tables" };
	c->state = &t->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &t->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
