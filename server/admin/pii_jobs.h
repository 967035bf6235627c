/* server/admin/pii_jobs.h -- the jobs pii_backfill and pii_audit: everything that is stored goes, a bounded step at
 * a time, through the anonymizer of ingestion. What it would change is personal data in clear, which the one
 * rewrites and the other counts. A run that was interrupted goes on where it was.
 * Memory: one step's rows (about 2 MiB and the row that goes beyond). Threads: the reactor; the anonymizer runs
 * on a helper thread. Blocking: never. Errors: the run's, see storage/job_run.h. */
#ifndef SERVER_ADMIN_PII_JOBS_H
#define SERVER_ADMIN_PII_JOBS_H

#include "storage/job_run.h"

struct services;
struct pii_jobs;

MUST_CHECK enum err_code pii_jobs_create(struct pii_jobs **out, const struct services *s, struct err *e);
struct pii_jobs *pii_jobs_destroy(struct pii_jobs *j); /* after the pools; NULL-safe; returns NULL */
job_fn pii_backfill;  /* ctx of both: the struct pii_jobs */
job_fn pii_audit;

#endif
