#include "server/ingest/money.h"
#include "server/query/query.h"
#include "server/query/range.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/pg/pool.h"

#include <api/analytics/v1/analytics.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

typedef Api__Analytics__V1__GetDashboardOverviewRequest request_msg;
typedef Api__Analytics__V1__GetDashboardOverviewResponse response_msg;
typedef Api__Analytics__V1__OverviewMetrics metrics_msg;
typedef Api__Analytics__V1__TrendPoint point_msg;
typedef Api__Analytics__V1__CategorySales category_msg;
typedef Api__Analytics__V1__ConversionFunnel funnel_msg;
typedef Api__Analytics__V1__FunnelStage stage_msg;

/* Columns of overview_sales.sql and overview_visits.sql. */
enum {
	SALES_PART,
	SALES_LABEL,
	SALES_REVENUE,
	SALES_ORDERS,
	SALES_CUSTOMERS,
	SALES_VALUE,
	SALES_FINAL
};
enum {
	VISITS_AS_OF,
	VISITS_ACTIVE,
	VISITS_ACTIVE_BEFORE,
	VISITS_SESSIONS,
	VISITS_BOUGHT,
	VISITS_STAGE1
};
enum { SALES, VISITS, STAGES = 5 };

struct overview {
	struct call *call;
	struct range_spec spec;
	struct range range;
	char decimals[4];
	struct pool_query range_query, figures_query;
	struct pool_query *running;
};

static struct overview *overview_of(struct pool_query *q, size_t at)
{
	return (struct overview *)((char *)q - at);
}

static void overview_fail(struct overview *o, enum err_code c, const struct err *e)
{
	const char *message = "the figures could not be computed";

	if (c == ERR_STORE)
		message = "the database cannot be asked at the moment";
	else if (c == ERR_QUOTA)
		message = "too many questions are waiting";
	else if (c == ERR_DEADLINE)
		message = "the answer takes longer than the deadline allows";
	else if (c == ERR_CANCELLED)
		message = "the caller left";
	else
		log_error("query.overview", "%s: %s", err_name(c), e ? e->detail : "");
	call_fail_code(o->call, c, message);
}

static void overview_cancel(struct call *c)
{
	struct overview *o = c->state;

	pool_cancel(c->services->queries, o->running);
}

/* q must be the last thing its caller touches: a refusal ends the call. */
static void overview_run(struct overview *o, struct pool_query *q)
{
	struct err e = { 0 };
	enum err_code c;

	q->deadline_us = o->call->deadline_us;
	o->running = q;
	c = pool_run(o->call->services->queries, q, &e);
	if (c != ERR_OK)
		overview_fail(o, c, &e);
}

static double figure(const PGresult *r, int row, int column)
{
	return strtod(PQgetvalue(r, row, column), NULL);
}

static int64_t count_of(const PGresult *r, int row, int column)
{
	return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

static bool is_part(const PGresult *r, int row, const char *part)
{
	return strcmp(PQgetvalue(r, row, SALES_PART), part) == 0;
}

static int part_row(const PGresult *r, const char *part)
{
	for (int i = 0; i < PQntuples(r); i++)
		if (is_part(r, i, part))
			return i;
	return -1;
}

static void percent(protobuf_c_boolean *has, double *out, double part, double whole)
{
	*has = whole != 0;
	if (*has)
		*out = 100 * part / whole;
}

static void read_metrics(metrics_msg *m, const PGresult *sales, const PGresult *visits)
{
	int now = part_row(sales, "range"), before = part_row(sales, "before");
	double revenue_before = before < 0 ? 0 : figure(sales, before, SALES_REVENUE);
	double orders_before = before < 0 ? 0 : figure(sales, before, SALES_ORDERS);
	double active_before = figure(visits, 0, VISITS_ACTIVE_BEFORE);

	m->has_total_revenue = m->has_total_orders = m->has_active_customers = true;
	m->total_revenue = now < 0 ? 0 : figure(sales, now, SALES_REVENUE);
	m->total_orders = now < 0 ? 0 : count_of(sales, now, SALES_ORDERS);
	m->active_customers = count_of(visits, 0, VISITS_ACTIVE);
	m->has_average_order_value = now >= 0 && !PQgetisnull(sales, now, SALES_VALUE);
	if (m->has_average_order_value)
		m->average_order_value = figure(sales, now, SALES_VALUE);
	percent(&m->has_conversion_rate, &m->conversion_rate, figure(visits, 0, VISITS_BOUGHT),
		figure(visits, 0, VISITS_SESSIONS));
	percent(&m->has_revenue_growth, &m->revenue_growth, m->total_revenue - revenue_before,
		revenue_before);
	percent(&m->has_order_growth, &m->order_growth, (double)m->total_orders - orders_before,
		orders_before);
	percent(&m->has_customer_growth, &m->customer_growth,
		(double)m->active_customers - active_before, active_before);
}

static point_msg *read_point(struct arena *a, const PGresult *r, int row)
{
	point_msg *p = arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	*p = (point_msg)API__ANALYTICS__V1__TREND_POINT__INIT;
	p->date = PQgetvalue(r, row, SALES_LABEL);
	p->has_revenue = p->has_orders = p->has_customers = p->has_final = true;
	p->revenue = figure(r, row, SALES_REVENUE);
	p->orders = count_of(r, row, SALES_ORDERS);
	p->customers = count_of(r, row, SALES_CUSTOMERS);
	p->final = *PQgetvalue(r, row, SALES_FINAL) == 't';
	return p;
}

static category_msg *read_category(struct arena *a, const PGresult *r, int row)
{
	category_msg *m = arena_alloc(a, sizeof(*m));

	if (!m)
		return NULL;
	*m = (category_msg)API__ANALYTICS__V1__CATEGORY_SALES__INIT;
	if (!PQgetisnull(r, row, SALES_LABEL))
		m->category = PQgetvalue(r, row, SALES_LABEL);
	m->has_revenue = m->has_orders = true;
	m->revenue = figure(r, row, SALES_REVENUE);
	m->orders = count_of(r, row, SALES_ORDERS);
	m->has_percentage = !PQgetisnull(r, row, SALES_VALUE);
	if (m->has_percentage)
		m->percentage = figure(r, row, SALES_VALUE);
	return m;
}

/* The texts stay the result's, which lives until the message is packed. False: no memory. */
static bool read_lists(struct arena *a, response_msg *m, const PGresult *r)
{
	size_t most = (size_t)PQntuples(r) + 1;

	m->revenue_trend = arena_alloc(a, most * sizeof(*m->revenue_trend));
	m->sales_by_category = arena_alloc(a, most * sizeof(*m->sales_by_category));
	if (!m->revenue_trend || !m->sales_by_category)
		return false;
	for (int i = 0; i < PQntuples(r); i++) {
		if (is_part(r, i, "day")) {
			if (!(m->revenue_trend[m->n_revenue_trend++] = read_point(a, r, i)))
				return false;
		} else if (is_part(r, i, "category")) {
			if (!(m->sales_by_category[m->n_sales_by_category++] =
				      read_category(a, r, i)))
				return false;
		}
	}
	return true;
}

static void read_funnel(stage_msg stages[static STAGES], const PGresult *visits)
{
	for (int i = 0; i < STAGES; i++) {
		stages[i] = (stage_msg)API__ANALYTICS__V1__FUNNEL_STAGE__INIT;
		stages[i].stage = PQfname(visits, VISITS_STAGE1 + i);
		stages[i].has_users = true;
		stages[i].users = count_of(visits, 0, VISITS_STAGE1 + i);
		percent(&stages[i].has_rate, &stages[i].rate, (double)stages[i].users,
			figure(visits, 0, VISITS_STAGE1));
	}
}

static void overview_reply(struct call *c, const PGresult *sales, const PGresult *visits)
{
	response_msg m = API__ANALYTICS__V1__GET_DASHBOARD_OVERVIEW_RESPONSE__INIT;
	metrics_msg metrics = API__ANALYTICS__V1__OVERVIEW_METRICS__INIT;
	funnel_msg funnel = API__ANALYTICS__V1__CONVERSION_FUNNEL__INIT;
	stage_msg stages[STAGES], *rows[STAGES];

	read_metrics(&metrics, sales, visits);
	read_funnel(stages, visits);
	for (int i = 0; i < STAGES; i++)
		rows[i] = &stages[i];
	funnel.stages = rows;
	funnel.n_stages = STAGES;
	m.metrics = &metrics;
	m.conversion_funnel = &funnel;
	m.data_as_of = PQgetvalue(visits, 0, VISITS_AS_OF);
	if (!read_lists(&c->arena, &m, sales))
		call_fail_code(c, ERR_QUOTA, "the answer is too large");
	else
		call_reply(c, &m.base);
}

static void on_figures(struct pool_query *q, enum err_code c, PGresult *const *results,
		       const struct err *e)
{
	struct overview *o = overview_of(q, offsetof(struct overview, figures_query));

	if (c != ERR_OK)
		overview_fail(o, c, e);
	else
		overview_reply(o->call, results[SALES], results[VISITS]);
}

static void on_range(struct pool_query *q, enum err_code c, PGresult *const *results,
		     const struct err *e)
{
	struct overview *o = overview_of(q, offsetof(struct overview, range_query));
	const struct conf *conf = o->call->services->conf;
	struct pool_query *figures = &o->figures_query;
	struct violation v;

	if (c == ERR_DATA && o->spec.zone_given) {
		call_fail_field(o->call, "timeZone", "is not a known IANA time zone");
		return;
	}
	if (c != ERR_OK) {
		overview_fail(o, c, e);
		return;
	}
	if (range_read(&o->range, results[0], &v) != ERR_OK) {
		call_fail_field(o->call, v.field, v.description);
		return;
	}
	figures->done = on_figures;
	figures->nstatements = 2;
	figures->statements[SALES] =
		(struct pool_statement){ .name = "overview_sales",
					 .nparams = 7,
					 .params = { o->range.before, o->range.start, o->range.end,
						     o->spec.zone,
						     range_zone(conf->business_timezone),
						     conf->reporting_currency, o->decimals } };
	figures->statements[VISITS] =
		(struct pool_statement){ .name = "overview_visits",
					 .nparams = 3,
					 .params = { o->range.before, o->range.start,
						     o->range.end } };
	overview_run(o, figures);
}

void query_overview(struct call *c, const ProtobufCMessage *req)
{
	const request_msg *r = (const request_msg *)req;
	const struct range_args args = { r->date_range, r->start_date, r->end_date, r->time_zone };
	const struct conf *conf = c->services->conf;
	const struct currency *currency = currency_find(slice_of(conf->reporting_currency));
	struct overview *o = arena_zalloc(&c->arena, sizeof(*o));
	struct violation v;

	if (!o) {
		call_fail_code(c, ERR_QUOTA, "no memory left for this call");
		return;
	}
	if (!currency || !range_zone(conf->business_timezone)) {
		call_fail_code(c, ERR_INTERNAL,
			       "REPORTING_CURRENCY or BUSINESS_TIMEZONE names none");
		return;
	}
	if (range_parse(&o->spec, &args, conf->business_timezone, clock_wall_us(), &v) != ERR_OK) {
		call_fail_field(c, v.field, v.description);
		return;
	}
	o->call = c;
	snprintf(o->decimals, sizeof(o->decimals), "%u", currency->digits);
	o->range_query.done = on_range;
	o->range_query.nstatements = 1;
	range_statement(&o->spec, &o->range_query.statements[0]);
	c->state = o;
	c->on_cancel = overview_cancel;
	overview_run(o, &o->range_query);
}
