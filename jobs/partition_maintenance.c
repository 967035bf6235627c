#include "jobs/partition_maintenance.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVERY_S = 3600, TIMEOUT_US = 30 * 1000000 };

struct partition_maintenance {
	const struct conf *conf;
	struct loop *loop;
	struct pool *pool;
	ev_timer timer;
	struct pool_query query;
	char retention_days[16];
	bool running;
};

static void on_done(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct partition_maintenance *m =
		(struct partition_maintenance *)((char *)q - offsetof(struct partition_maintenance, query));

	(void)results;
	m->running = false;
	if (c && c != ERR_CANCELLED)
		log_warn("jobs.partition_maintenance", "%s", e->detail);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct partition_maintenance *m = t->data;
	struct err e;

	(void)ev, (void)revents;
	if (m->running)
		return;
	m->query = (struct pool_query){ .nstatements = 1, .writes = true, .done = on_done,
					.deadline_us = clock_mono_us() + TIMEOUT_US };
	m->query.statements[0] = (struct pool_statement){ "partitions_ahead", 1, { m->retention_days } };
	m->running = pool_run(m->pool, &m->query, &e) == ERR_OK;
	if (!m->running)
		log_warn("jobs.partition_maintenance", "%s", e.detail);
}

enum err_code partition_maintenance_start(struct partition_maintenance **out, const struct conf *c,
					  struct loop *l, struct pool *p, struct err *e)
{
	struct partition_maintenance *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(e, ERR_QUOTA, "no memory for partition maintenance");
	m->conf = c;
	m->loop = l;
	m->pool = p;
	snprintf(m->retention_days, sizeof(m->retention_days), "%u", c->retention_days);
	ev_init(&m->timer, on_timer);
	m->timer.data = m;
	loop_timer(l, &m->timer, EVERY_S, EVERY_S);
	*out = m;
	return ERR_OK;
}

struct partition_maintenance *partition_maintenance_stop(struct partition_maintenance *m)
{
	if (!m)
		return NULL;
	loop_timer_stop(m->loop, &m->timer);
	free(m);
	return NULL;
}
