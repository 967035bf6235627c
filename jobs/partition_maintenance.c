/* The month partitions of analytics_events are made ahead, so that no event has to wait for its month. */
#include "jobs/jobs.h"

void partition_maintenance(struct job_run *r)
{
	const char *days = job_text(r, "%u", r->place->conf->retention_days);

	job_tx(r, &(struct pool_statement){ "partitions_ahead", 1, { days } }, 1, NULL);
}
