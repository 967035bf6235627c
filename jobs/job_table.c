#include "jobs/job_table.h"

#include "jobs/jobs.h"

#include <string.h>

#define AT(hour, minute) ((hour) * 60 + (minute))
#define MINUTES(n) { EVERY, (n), 0 }
#define EVERY_DAY(hour, minute) { DAILY, AT(hour, minute), 0 }

enum { SUNDAY, MONDAY };

const struct job job_table[] = {
	/* name, when, missed slots, days back, timeout, work */
	{ "hourly_aggregation", MINUTES(60), EACH, 0, 900, hourly_aggregation },
	{ "daily_aggregation", EVERY_DAY(1, 0), EACH, 1, 1800, daily_aggregation },
	{ "reconciliation", EVERY_DAY(2, 30), EACH, 1, 900, reconciliation },
	{ "partition_maintenance", EVERY_DAY(0, 30), LAST, 0, 120, partition_maintenance },
	{ "identity_rotation", MINUTES(10), LAST, 0, 120, identity_rotation },
	{ "sequence_cleanup", EVERY_DAY(3, 45), LAST, 0, 1800, sequence_cleanup },
	{ "dead_letter_retry", MINUTES(5), LAST, 0, 900, NULL },
	{ "anomaly_detection", MINUTES(15), LAST, 0, 120, anomaly_detection },
	{ "customer_segments", { WEEKLY, AT(3, 0), MONDAY }, LAST, 1, 1800, customer_segments },
	{ "cohorts", { MONTHLY, AT(3, 30), 0 }, LAST, 1, 1800, cohorts },
	{ "pii_audit", { WEEKLY, AT(4, 30), SUNDAY }, LAST, 0, 4 * 3600, NULL },
	{ "rebuild_projections", { ON_DEMAND, 0, 0 }, LAST, 0, 4 * 3600, rebuild_projections },
	{ "pii_backfill", { ON_DEMAND, 0, 0 }, LAST, 0, 12 * 3600, NULL },
	{ 0 },
};
_Static_assert(sizeof(job_table) / sizeof(*job_table) <= JOBS_MAX + 1, "the scheduler has room for all");

const struct job *job_find(const char *name)
{
	const struct job *j = job_table;

	while (j->name && strcmp(j->name, name))
		j++;
	return j->name ? j : NULL;
}
