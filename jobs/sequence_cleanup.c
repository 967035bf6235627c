/* How far entities have come is forgotten when all that could still arrive of them is too old to be accepted. */
#include "jobs/jobs.h"

#include <string.h>

static const char at_once[] = "100000";

static void next(struct job_run *r, PGresult *const *results);

static void forget(struct job_run *r)
{
	const char *days = job_text(r, "%u", r->place->conf->retention_days);

	job_tx(r, &(struct pool_statement){ "sequences_forget", 2, { days, at_once } }, 1, next);
}

static void next(struct job_run *r, PGresult *const *results)
{
	if (!r->stopping && strcmp(PQgetvalue(results[0], 0, 0), at_once) == 0)
		forget(r);
	else
		job_end(r, ERR_OK, NULL);
}

void sequence_cleanup(struct job_run *r)
{
	forget(r);
}
