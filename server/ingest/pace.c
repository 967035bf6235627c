#include "server/ingest/pace.h"

#include "storage/base/clock.h"

#include <assert.h>

static const double free_s = 1.5, rest_a_second = 2, most_rest = 3, most_rest_s = 1;

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct pace *p = t->data;

	(void)ev, (void)revents;
	p->loop->changed = true; /* the timer ended by itself */
	p->resting = false;
	p->rested(p->ctx);
}

void pace_init(struct pace *p, struct loop *l, void (*rested)(void *ctx), void *ctx)
{
	*p = (struct pace){ .loop = l, .rested = rested, .ctx = ctx, .rested_s = metric_get(M_INGEST_RESTED, "", "") };
	ev_init(&p->timer, on_timer);
	p->timer.data = p;
}

void pace_stop(struct pace *p)
{
	loop_timer_stop(p->loop, &p->timer);
}

void pace_by_lag(struct pace *p, double lag_s)
{
	p->rest = lag_s <= free_s ? 0 : (lag_s - free_s) * rest_a_second;
	if (p->rest > most_rest)
		p->rest = most_rest;
}

bool pace_allows(const struct pace *p)
{
	return p->rest <= 0 || (!p->resting && !p->under_way);
}

void pace_sent(struct pace *p)
{
	p->under_way++;
	p->sent_us = clock_mono_us();
}

void pace_stored(struct pace *p)
{
	double s = p->rest * (double)(clock_mono_us() - p->sent_us) / 1e6;

	assert(p->under_way);
	p->under_way--;
	if (p->rest <= 0 || p->resting)
		return;
	s = s < most_rest_s ? s : most_rest_s;
	metric_add(p->rested_s, s);
	p->resting = true;
	loop_timer(p->loop, &p->timer, s, 0);
}
