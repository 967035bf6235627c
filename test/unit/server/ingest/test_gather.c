#include "server/ingest/gather.h"

#include "storage/base/clock.h"

#include <criterion/criterion.h>

static int64_t mono_us = 1;

static int64_t now_us(void)
{
	return mono_us;
}

static struct loop loop;
static struct gather g;
static unsigned waited;

static void on_waited(void *times)
{
	++*(unsigned *)times;
}

static void begin(void)
{
	loop.ev = ev_loop_new(EVFLAG_AUTO);
	clock_fake(now_us, now_us);
	gather_init(&g, &loop, on_waited, &waited);
}

static void end(void)
{
	gather_stop(&g);
	cr_expect_not(ev_is_active(&g.timer));
	ev_loop_destroy(loop.ev);
}

TestSuite(gather, .init = begin, .fini = end, .timeout = 30);

Test(gather, one_small_batch_at_a_time)
{
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
}

Test(gather, a_slow_batch_holds_others_up_for_a_moment)
{
	gather_sent(&g, 1);
	cr_expect_not(gather_allows(&g, 1));
	ev_run(loop.ev, 0); /* the timer is all there is */
	cr_expect_eq(waited, 1);
	cr_expect_not(gather_allows(&g, 1)); /* it was for an earlier one, */
	cr_expect(ev_is_active(&g.timer));   /* and comes back */
	mono_us += 10000;
	cr_expect(gather_allows(&g, 1));
}
