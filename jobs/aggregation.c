/* Sums and counts are kept by the projector, moved by the difference that each event makes. Here those of a
 * business day are made again from what they sum up, and what is found wrong is put right, counted and reported: by
 * the hour the sums, by the day the counts of events as well, which takes reading all of them. */
#include "jobs/jobs.h"

#include "storage/base/log.h"
#include "storage/base/metrics.h"

#include <stdlib.h>

/* rows: table, how many of its rows were wrong. */
static void report(struct job_run *r, const PGresult *rows)
{
	const char *comma = "";

	for (int i = 0; i < PQntuples(rows); i++) {
		const char *table = PQgetvalue(rows, i, 0);
		long n = strtol(PQgetvalue(rows, i, 1), NULL, 10);

		if (!n)
			continue;
		buf_printf(&r->detail, "%s\"%s\": %ld", comma, table, n);
		comma = ", ";
		log_warn("jobs.aggregation", "%s: %ld rows of %s were wrong and are right now", r->day, n, table);
		metric_add(metric_get(M_PROJECTION_REPAIRS, table, ""), (double)n);
	}
}

static void begin_report(struct job_run *r, PGresult *const *results)
{
	bool pending = *PQgetvalue(results[1], 0, 0) == 't';

	buf_printf(&r->detail, "{\"pending\": %s, \"sums\": {", pending ? "true" : "false");
	report(r, results[2]);
}

static void on_hour(struct job_run *r, PGresult *const *results)
{
	begin_report(r, results);
	buf_puts(&r->detail, "}}");
	job_end(r, ERR_OK, NULL);
}

static void on_day(struct job_run *r, PGresult *const *results)
{
	begin_report(r, results);
	buf_puts(&r->detail, "}, \"counts\": {");
	report(r, results[3]);
	buf_puts(&r->detail, "}}");
	job_end(r, ERR_OK, NULL);
}

static void aggregate(struct job_run *r, int statements, void (*next)(struct job_run *r, PGresult *const *results))
{
	const struct pool_statement all[] = {
		{ "aggregation_lock", 0, { NULL } },
		{ "aggregation_pending", 1, { r->day } },
		{ "aggregation_sums", 1, { r->day } },
		{ "aggregation_counts", 1, { r->day } },
	};

	job_tx(r, all, statements, next);
}

void hourly_aggregation(struct job_run *r)
{
	aggregate(r, 3, on_hour);
}

void daily_aggregation(struct job_run *r)
{
	aggregate(r, 4, on_day);
}
