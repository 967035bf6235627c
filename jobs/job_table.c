#include "jobs/job_table.h"

#include "jobs/jobs.h"

#include <string.h>

#define AT(hour, minute) ((hour) * 60 + (minute))
#define MINUTES(n) { EVERY, (n), 0 }
#define EVERY_DAY(hour, minute) { DAILY, AT(hour, minute), 0 }

enum { SUNDAY, MONDAY };

const struct job job_table[] = {
	/* name, when, missed slots, days back, timeout, work */
	{ "partition_maintenance", EVERY_DAY(0, 30), LAST, 0, 120, partition_maintenance },
	{ "reconciliation", EVERY_DAY(2, 30), EACH, 1, 900, reconciliation },
	{ "dead_letter_retry", MINUTES(5), LAST, 0, 900, NULL },
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
