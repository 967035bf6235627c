#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/schema_builtin.h"
#include "server/admin/schema_compile.h"
#include "server/admin/schema_registry.h"
#include "server/services.h"
#include "storage/pg/pool.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA_BYTES = 64 << 10, BUILTIN_BYTES = 64 << 10, BUILTIN_VERSIONS = 2 };

typedef Api__Analytics__V1__ListSchemasRequest list_request;
typedef Api__Analytics__V1__ListSchemasResponse list_response;
typedef Api__Analytics__V1__Schema schema;
typedef Api__Analytics__V1__RegisterSchemaRequest register_request;
typedef Api__Analytics__V1__RegisterSchemaResponse register_response;

struct listing {
	struct pool_query query;
	struct call *call;
	const struct topic *only;  /* NULL: all */
	schema **list;
	size_t n;
	bool failed;
};

static schema *add(struct listing *l)
{
	schema *s = arena_alloc(&l->call->arena, sizeof(*s));

	if (!s) {
		l->failed = true;
		return NULL;
	}
	api__analytics__v1__schema__init(s);
	s->has_built_in = s->has_active = true;
	l->list[l->n++] = s;
	return s;
}

static void add_builtin(struct listing *l, const struct topic *t, const char *version)
{
	schema *s = add(l);
	struct buf b;

	if (!s)
		return;
	buf_init(&b, BUILTIN_BYTES);
	schema_builtin(&b, t, version);
	s->topic = (char *)t->name.p;
	s->event_type = (char *)t->event_type.p;
	s->version = (char *)version;
	s->json_schema = b.failed ? NULL : arena_strndup(&l->call->arena, b.p, b.n);
	s->built_in = s->active = true;
	l->failed |= !s->json_schema;
	buf_reset(&b);
}

static void add_registered(struct listing *l, const PGresult *p, int row)
{
	const struct topic *t = event_topic_find(slice_of(PQgetvalue(p, row, 0)));
	schema *s = add(l);

	if (!s)
		return;
	s->topic = PQgetvalue(p, row, 0);
	s->event_type = t ? (char *)t->event_type.p : NULL;
	s->version = PQgetvalue(p, row, 1);
	s->json_schema = PQgetvalue(p, row, 2);
	s->registered_at = PQgetvalue(p, row, 3);
	s->active = *PQgetvalue(p, row, 4) == 't';
}

static void on_listed(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct listing *l = (struct listing *)q; /* its first member */
	list_response out = API__ANALYTICS__V1__LIST_SCHEMAS_RESPONSE__INIT;
	const struct topic *topics;
	size_t ntopics;

	if (c) {
		call_fail_code(l->call, c, e->detail);
		return;
	}
	topics = event_topics(&ntopics);
	l->list = arena_alloc(&l->call->arena, (ntopics * BUILTIN_VERSIONS + (size_t)PQntuples(results[0])) *
						       sizeof(*l->list));
	for (size_t i = 0; l->list && i < ntopics; i++) {
		if (l->only && l->only != &topics[i])
			continue;
		add_builtin(l, &topics[i], "v1");
		add_builtin(l, &topics[i], "v2");
	}
	for (int i = 0; l->list && i < PQntuples(results[0]); i++)
		add_registered(l, results[0], i);
	if (!l->list || l->failed) {
		call_fail_code(l->call, ERR_QUOTA, "the answer is too large; ask for one topic");
		return;
	}
	out.n_schemas = l->n;
	out.schemas = l->list;
	call_reply(l->call, &out.base);
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

void admin_list_schemas(struct call *c, const ProtobufCMessage *req)
{
	const list_request *r = (const void *)req;
	struct listing *l = arena_zalloc(&c->arena, sizeof(*l));
	enum err_code rc;
	struct err e;

	if (!l) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	if (r->topic && *r->topic && !(l->only = event_topic_find(slice_of(r->topic)))) {
		call_fail_field(c, "topic", "no such topic");
		return;
	}
	l->call = c;
	l->query = (struct pool_query){ .nstatements = 1, .deadline_us = c->deadline_us, .done = on_listed };
	l->query.statements[0] = (struct pool_statement){ "schemas_list", 1, { l->only ? l->only->name.p : NULL } };
	c->state = &l->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &l->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}

/* --- registering --- */

struct registering {
	struct pool_query query;
	struct call *call;
};

static void on_registered(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct call *call = ((struct registering *)q)->call; /* its first member */
	register_response out = API__ANALYTICS__V1__REGISTER_SCHEMA_RESPONSE__INIT;

	if (c == ERR_DATA) {
		call_fail_field(call, "jsonSchema", "it holds a value that the database cannot keep");
		return;
	}
	if (c) {
		call_fail_code(call, c, e->detail);
		return;
	}
	schema_registry_look(call->services->schemas);
	out.registered_at = PQgetvalue(results[0], 0, 0);
	out.has_redriven = true;
	out.redriven = strtoll(PQcmdTuples((PGresult *)results[1]), NULL, 10);
	call_reply(call, &out.base);
}

static bool given(const char *s)
{
	return s && *s;
}

/* False when the call was answered. */
static bool acceptable(struct call *c, const register_request *r)
{
	const struct topic *t = given(r->topic) ? event_topic_find(slice_of(r->topic)) : NULL;
	struct schema_faults faults;
	struct narrowing *rules;
	struct status s;

	if (!t)
		call_fail_field(c, "topic", "no such topic");
	else if (!given(r->version) || !schema_version_valid(r->version))
		call_fail_field(c, "version", "v1, v2, or a new one: v3 to v9999");
	else if (!given(r->json_schema) || strlen(r->json_schema) > SCHEMA_BYTES)
		call_fail_field(c, "jsonSchema", "a JSON Schema of at most 64 KiB is wanted");
	if (c->ended)
		return false;
	if (schema_compile(&c->arena, t, r->version, slice_of(r->json_schema), &rules, &faults))
		return true;
	status_of(&s, ERR_INVALID, "");
	snprintf(s.message, sizeof(s.message), "the schema contradicts the built-in one: %s: %s",
		 faults.n ? faults.list[0].field : "", faults.n ? faults.list[0].description : "");
	s.nviolations = faults.n;
	memcpy(s.violations, faults.list, sizeof(faults.list));
	call_fail(c, &s);
	return false;
}

void admin_register_schema(struct call *c, const ProtobufCMessage *req)
{
	const register_request *r = (const void *)req;
	struct registering *g = arena_zalloc(&c->arena, sizeof(*g));
	enum err_code rc;
	struct err e;

	if (!g) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	if (!acceptable(c, r))
		return;
	g->call = c;
	g->query = (struct pool_query){ .nstatements = 2, .writes = true, .deadline_us = c->deadline_us,
					.done = on_registered };
	g->query.statements[0] = (struct pool_statement){ "schemas_register", 3, { r->topic, r->version, r->json_schema } };
	g->query.statements[1] = (struct pool_statement){ "schemas_redrive", 2, { r->topic, r->version } };
	c->state = &g->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &g->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
