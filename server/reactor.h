/* server/reactor.h -- one worker: one loop, one completion queue, its connections and both doors. */
#ifndef SERVER_REACTOR_H
#define SERVER_REACTOR_H

#include "storage/base/conf.h"
#include "storage/base/err.h"

struct services;

/* What runs beside the doors on the same loop; main.c joins server and jobs, which do not know each other. */
struct reactor_jobs {
	enum err_code (*start)(struct services *s, void **out, struct err *e);
	void (*drain)(void *jobs);         /* no new ones; what runs is to end soon */
	bool (*quiet)(const void *jobs);   /* nothing runs any more */
	void (*stop)(void *jobs);          /* the pools are gone by then */
};
void reactor_use_jobs(const struct reactor_jobs *jobs);  /* before reactor_run; static storage */

enum doors {
	DOORS_ALL,
	DOORS_HEALTH,   /* HTTP, and there only health and metrics */
	DOORS_NONE,
};
void reactor_use_doors(enum doors d);                    /* before reactor_run; DOORS_ALL without it */
enum doors reactor_doors(void);

/* Serves until SIGTERM or SIGINT, then drains (not ready, no new calls, what was taken is committed and
 * answered) within conf->drain_ms. Call in a process that has not used gRPC yet.
 * workers: how many processes share the connection ceilings. index: this one's, for metrics.
 * begun_us: clock_mono_us() when the service was started. */
MUST_CHECK enum err_code reactor_run(const struct conf *conf, unsigned index, unsigned workers, uint64_t begun_us,
				     struct err *e);

#endif
