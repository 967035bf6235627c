/* A business day's events against what was to be expected of it: each type against the days before
 * (reconciliation_events.sql), and purchases against the order service's own count. The order service may be away:
 * the rest is reported, and the run fails, so that it is tried again. */
#include "jobs/jobs.h"

#include "storage/base/log.h"
#include "storage/order_count.h"

#include <inttypes.h>
#include <stdlib.h>

#define WHERE "jobs.reconciliation"

struct reconciliation {
	const char *own;             /* orders of ours */
	const char *orders;          /* the order service's; NULL: not known */
	const char *why;             /* and why not */
	enum err_code code;          /* of asking it */
	struct err failure;
};

static void on_written(struct job_run *r, PGresult *const *results)
{
	const struct reconciliation *s = r->state;
	const PGresult *rows = results[1];
	unsigned gaps = 0;

	for (int i = 0; i < PQntuples(rows); i++) {
		if (!strcmp(PQgetvalue(rows, i, 1), "ok"))
			continue;
		gaps++;
		log_warn(WHERE, "%s: %s of the usual %s are missing (%s)", r->day, PQgetvalue(rows, i, 2),
			 PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	}
	if (s->orders && strcmp(PQgetvalue(results[2], 0, 0), "ok"))
		log_warn(WHERE, "%s: %s orders, the order service has %s", r->day, s->own, s->orders);
	buf_printf(&r->detail, "{\"types\": %d, \"gaps\": %u, \"orders\": \"%s\"}", PQntuples(rows), gaps,
		   PQgetvalue(results[2], 0, 0));
	job_end(r, s->code, &s->failure);
}

static void write_reports(struct job_run *r)
{
	const struct reconciliation *s = r->state;
	const struct pool_statement statements[] = {
		{ "reconciliation_clear", 1, { r->day } },
		{ "reconciliation_events", 3, { r->day, r->place->conf->business_timezone, r->fence } },
		{ "reconciliation_orders", 5, { r->day, s->own, s->orders, s->why, r->fence } },
	};

	job_tx(r, statements, 3, on_written);
}

static void on_counted(void *ctx, enum err_code c, int64_t orders, const struct err *e)
{
	struct job_run *r = ctx;
	struct reconciliation *s = r->state;

	r->on_stop = NULL;
	if (r->stopping) {
		job_end(r, ERR_CANCELLED, e);
		return;
	}
	if (c) {
		s->code = c;
		s->failure = *e;
		s->why = job_text(r, "%s", e->detail);
	} else {
		s->orders = job_text(r, "%" PRId64, orders);
	}
	write_reports(r);
}

static void on_stop(struct job_run *r)
{
	r->place->orders->stop(r->place->orders);
}

static void on_own(struct job_run *r, PGresult *const *results)
{
	struct reconciliation *s = r->state;
	struct order_count *o = r->place->orders;

	s->own = job_text(r, "%s", PQgetvalue(results[0], 0, 2));
	if (!o) {
		s->why = "ORDER_SERVICE_ADDR is not set";
		write_reports(r);
		return;
	}
	r->on_stop = on_stop;
	o->ask(o, strtoll(PQgetvalue(results[0], 0, 0), NULL, 10), strtoll(PQgetvalue(results[0], 0, 1), NULL, 10),
	       on_counted, r);
}

void reconciliation(struct job_run *r)
{
	const struct pool_statement own = { "reconciliation_own_orders", 2, { r->day, r->place->conf->business_timezone } };
	struct err e;

	r->state = arena_zalloc(&r->arena, sizeof(struct reconciliation));
	if (r->state)
		job_tx(r, &own, 1, on_own);
	else
		job_end(r, err_set(&e, ERR_QUOTA, "no memory for the run"), &e);
}
