/* Customers by the month of their first order, and in which months after it they bought again. */
#include "jobs/jobs.h"

void cohorts(struct job_run *r)
{
	const struct pool_statement s[] = {
		{ "cohorts_clear", 1, { r->day } },
		{ "cohorts_put", 1, { r->day } },
	};

	job_tx(r, s, 2, NULL);
}
