#include "server/ingest/conserve.h"

#include "storage/base/log.h"

#include <inttypes.h>
#include <math.h>

static const double look_s = 1;

static double look(struct conserve *c)
{
	double received = metrics_own(M_RECEIVED), settled = metrics_own(M_EVENTS);
	double gap = fabs(received - settled - (double)*c->in_flight);

	metric_set(c->gap, gap);
	if (gap != 0 && !c->broken)
		log_error("conserve", "events received %.0f, settled %.0f, in flight %" PRIu64 ": these do not add up",
			  received, settled, *c->in_flight);
	c->broken = gap != 0;
	return gap;
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	(void)ev, (void)revents;
	look(t->data);
}

void conserve_start(struct conserve *c, struct loop *l, const uint64_t *in_flight)
{
	*c = (struct conserve){ .loop = l, .in_flight = in_flight, .gap = metric_get(M_GAP, "", "") };
	ev_init(&c->timer, on_timer);
	c->timer.data = c;
	loop_timer(l, &c->timer, look_s, look_s);
}

void conserve_stop(struct conserve *c)
{
	loop_timer_stop(c->loop, &c->timer);
	if (look(c) == 0 && *c->in_flight)
		log_warn("conserve", "%" PRIu64 " events were not answered before the end; they count as refused",
			 *c->in_flight);
}
