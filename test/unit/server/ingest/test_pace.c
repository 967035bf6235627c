#include "server/ingest/pace.h"

#include "storage/base/clock.h"

#include <criterion/criterion.h>

static int64_t mono_us;

static int64_t now_us(void)
{
	return mono_us;
}

static void on_rested(void *times)
{
	++*(unsigned *)times;
}

static void batch(struct pace *p, int64_t took_us)
{
	pace_sent(p);
	mono_us += took_us;
	pace_stored(p);
}

Test(pace, rests_only_while_answers_are_behind, .timeout = 30)
{
	struct loop loop = { .ev = ev_loop_new(EVFLAG_AUTO) };
	unsigned rested = 0;
	struct pace p;

	cr_assert_eq(metrics_create(1, NULL), ERR_OK);
	metrics_use_slot(0);
	clock_fake(now_us, now_us);
	pace_init(&p, &loop, on_rested, &rested);
	pace_by_lag(&p, 1.4);
	pace_sent(&p);
	cr_expect(pace_allows(&p)); /* any number at once */
	pace_stored(&p);
	cr_expect(pace_allows(&p));

	pace_by_lag(&p, 2);
	pace_sent(&p);
	cr_expect_not(pace_allows(&p)); /* one at a time */
	pace_stored(&p);
	batch(&p, 20000);
	cr_expect_not(pace_allows(&p));
	ev_run(loop.ev, 0);
	cr_expect(pace_allows(&p));
	cr_expect_gt(rested, 0);

	pace_by_lag(&p, 3600); /* ingestion goes on nevertheless: a second is the longest rest */
	batch(&p, 60000000);
	cr_expect_leq(p.timer.at, ev_now(loop.ev) + 1.001);
	pace_by_lag(&p, 0);
	cr_expect(pace_allows(&p));
	pace_stop(&p);
	ev_loop_destroy(loop.ev);
}
