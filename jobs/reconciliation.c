/* A business day's events against what was to be expected of it: see reconciliation_events.sql. */
#include "jobs/jobs.h"

#include "storage/base/log.h"

static void on_compared(struct job_run *r, PGresult *const *results)
{
	const PGresult *rows = results[1];
	unsigned gaps = 0;

	for (int i = 0; i < PQntuples(rows); i++) {
		if (!strcmp(PQgetvalue(rows, i, 1), "ok"))
			continue;
		gaps++;
		log_warn("jobs.reconciliation", "%s: %s of %s are missing (%s)", r->day, PQgetvalue(rows, i, 2),
			 PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	}
	buf_printf(&r->detail, "{\"types\": %d, \"gaps\": %u}", PQntuples(rows), gaps);
	job_end(r, ERR_OK, NULL);
}

void reconciliation(struct job_run *r)
{
	const struct pool_statement s[] = {
		{ "reconciliation_clear", 1, { r->day } },
		{ "reconciliation_events", 3, { r->day, r->place->conf->business_timezone, r->fence } },
	};

	job_tx(r, s, 2, on_compared);
}
