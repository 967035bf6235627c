/* jobs/partition_maintenance.h -- keeps the month partitions of analytics_events made ahead, so that no
 * event has to wait for its month. Hourly from each worker's start; several at once do no harm.
 * Memory: one small struct. Threads: the reactor. Blocking: never. */
#ifndef JOBS_PARTITION_MAINTENANCE_H
#define JOBS_PARTITION_MAINTENANCE_H

#include "storage/pg/pool.h"

struct partition_maintenance;
MUST_CHECK enum err_code partition_maintenance_start(struct partition_maintenance **out, const struct conf *c,
						     struct loop *l, struct pool *p, struct err *e);
/* After the pool is gone. NULL-safe; returns NULL. */
struct partition_maintenance *partition_maintenance_stop(struct partition_maintenance *m);

#endif
