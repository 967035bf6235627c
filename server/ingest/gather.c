#include "server/ingest/gather.h"

#include "storage/base/clock.h"

#include <assert.h>

static const double longest_s = 0.01;

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct gather *g = t->data;

	(void)ev, (void)revents;
	g->loop->changed = true; /* the timer ended by itself */
	g->waited(g->ctx);
}

void gather_init(struct gather *g, struct loop *l, void (*waited)(void *ctx), void *ctx)
{
	*g = (struct gather){ .loop = l, .waited = waited, .ctx = ctx };
	ev_init(&g->timer, on_timer);
	g->timer.data = g;
}

void gather_stop(struct gather *g)
{
	loop_timer_stop(g->loop, &g->timer);
}

bool gather_allows(struct gather *g, uint32_t rows)
{
	if (!g->under_way || rows >= GATHER_ROWS || clock_mono_us() >= g->sent_us + (uint64_t)(longest_s * 1e6))
		return true;
	if (!ev_is_active(&g->timer)) /* it may come for a later batch: then it is started again */
		loop_timer(g->loop, &g->timer, longest_s, 0);
	return false;
}

void gather_sent(struct gather *g, uint32_t rows)
{
	if (rows >= GATHER_ROWS)
		return;
	g->under_way++;
	g->sent_us = clock_mono_us();
}

void gather_stored(struct gather *g, uint32_t rows)
{
	if (rows >= GATHER_ROWS)
		return;
	assert(g->under_way);
	g->under_way--;
}
