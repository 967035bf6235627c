/* storage/base/metrics.h -- counters, gauges and histograms in memory that all workers share, so that
 * whichever worker answers /metrics answers for all.
 * Memory: one anonymous shared mapping made before the workers start; a fixed number of series a worker,
 * the rest of a family falls into the label value "other". Threads: a worker's slot is written by its
 * reactor thread only; any worker reads all slots (relaxed atomics). Blocking: never. */
#ifndef STORAGE_BASE_METRICS_H
#define STORAGE_BASE_METRICS_H

#include "storage/base/buf.h"
#include "storage/base/err.h"
#include "storage/base/metrics.def.h"

#define X(id, kind, name, l1, l2, help) id,
enum metric_family { METRIC_TABLE(X) METRIC_FAMILIES };
#undef X

struct metric; /* one series of this worker */

/* Before fork: room for `workers` slots (a slot more is kept for the supervisor: index `workers`). */
MUST_CHECK enum err_code metrics_create(unsigned workers, struct err *e);
void metrics_use_slot(unsigned index);  /* after fork: this process writes there; counters go on, gauges restart at 0 */

/* The series of family with these label values ("" for labels the family has not): found or added.
 * Never NULL. Callers on a hot path keep the pointer (valid for the life of the process). */
struct metric *metric_get(enum metric_family f, const char *label1, const char *label2);
void metric_add(struct metric *m, double v);        /* counters, gauges */
void metric_set(struct metric *m, double v);        /* gauges */
void metric_observe(struct metric *m, double v);    /* histograms; seconds or rows */

void metrics_print(struct buf *out);                /* Prometheus text format 0.0.4, summed over workers */

double metrics_own(enum metric_family f);           /* the sum of this process's series of a family, "other" too */
/* Sums over all workers of one family (every series), e.g. for GetServiceState and tests. */
double metrics_sum(enum metric_family f, const char *label1 /* NULL: any */, const char *label2);
double metrics_max(enum metric_family f); /* the largest of all workers' series */

#endif
