/* jobs/jobs.h -- the work of the jobs that live here, one file each; see storage/job_run.h. */
#ifndef JOBS_JOBS_H
#define JOBS_JOBS_H

#include "storage/job_run.h"

job_fn anomaly_detection;
job_fn cohorts;
job_fn customer_segments;
job_fn daily_aggregation;
job_fn hourly_aggregation;
job_fn identity_rotation;
job_fn partition_maintenance;
job_fn rebuild_projections;
job_fn reconciliation;
job_fn sequence_cleanup;

#endif
