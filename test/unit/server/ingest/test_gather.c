#include "server/ingest/gather.h"

#include "storage/base/clock.h"

#include <criterion/criterion.h>

static int64_t mono_us = 1;

static int64_t now_us(void)
{
	return mono_us;
}

static void on_waited(void *times)
{
	++*(unsigned *)times;
}

Test(gather, one_small_batch_at_a_time, .timeout = 30)
{
	struct loop loop = { .ev = ev_loop_new(EVFLAG_AUTO) };
	unsigned waited = 0;
	struct gather g;

	clock_fake(now_us, now_us);
	gather_init(&g, &loop, on_waited, &waited);
	cr_expect(gather_allows(&g, 1));
	gather_sent(&g, GATHER_ROWS); /* large ones neither hold others up */
	cr_expect(gather_allows(&g, 1));
	gather_sent(&g, 1);
	cr_expect_not(gather_allows(&g, GATHER_ROWS - 1));
	cr_expect(gather_allows(&g, GATHER_ROWS)); /* nor wait */
	gather_stored(&g, GATHER_ROWS);
	cr_expect_not(gather_allows(&g, 1));
	gather_stored(&g, 1);
	cr_expect(gather_allows(&g, 1));
	gather_stop(&g);
	ev_loop_destroy(loop.ev);
}

Test(gather, a_slow_batch_holds_others_up_for_a_moment, .timeout = 30)
{
	struct loop loop = { .ev = ev_loop_new(EVFLAG_AUTO) };
	unsigned waited = 0;
	struct gather g;

	clock_fake(now_us, now_us);
	gather_init(&g, &loop, on_waited, &waited);
	gather_sent(&g, 1);
	cr_expect_not(gather_allows(&g, 1));
	ev_run(loop.ev, 0); /* the timer is all there is */
	cr_expect_eq(waited, 1);
	cr_expect_not(gather_allows(&g, 1)); /* it was for an earlier one, */
	cr_expect(ev_is_active(&g.timer));   /* and comes back */
	mono_us += 10000;
	cr_expect(gather_allows(&g, 1));
	gather_stop(&g);
	cr_expect_not(ev_is_active(&g.timer));
	ev_loop_destroy(loop.ev);
}
