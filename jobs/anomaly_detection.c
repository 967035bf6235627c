/* Types of events that came far more or less often than at this time of earlier days: see anomalies_find.sql. */
#include "jobs/jobs.h"

#include "storage/base/log.h"
#include "storage/base/metrics.h"

static void on_found(struct job_run *r, PGresult *const *results)
{
	const PGresult *rows = results[1];

	for (int i = 0; i < PQntuples(rows); i++) {
		const char *type = PQgetvalue(rows, i, 0);

		metric_add(metric_get(M_ANOMALIES, type, ""), 1);
		log_warn("jobs.anomaly_detection", "%s: %s in a quarter of an hour, usual are %s (z-score %s)", type,
			 PQgetvalue(rows, i, 1), PQgetvalue(rows, i, 2), PQgetvalue(rows, i, 3));
	}
	buf_printf(&r->detail, "{\"anomalies\": %d}", PQntuples(rows));
	job_end(r, ERR_OK, NULL);
}

void anomaly_detection(struct job_run *r)
{
	const struct pool_statement s[] = {
		{ "anomalies_forget", 1, { r->slot } },
		{ "anomalies_find", 2, { r->slot, r->place->conf->business_timezone } },
	};

	job_tx(r, s, 2, on_found);
}
