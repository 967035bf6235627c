/* An awaited answer is seen by the reactor itself, and so is that none came in time. */
#include "server/wire/cq.h"
#include "storage/base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

struct world {
	struct cq *cq;
	struct loop_await await;
	ev_timer begin, other;
	int ends[2];
	uint64_t wait_us;
	bool answered, over, in_time;
	unsigned ticks;
};

static void on_over(struct loop_await *a)
{
	struct world *w = (struct world *)((char *)a - offsetof(struct world, await));

	w->over = true;
	w->in_time = clock_mono_us() < a->until_us;
	cr_expect_null(cq_loop(w->cq)->await);
	loop_timer_stop(cq_loop(w->cq), &w->other);
	cq_stop(w->cq);
}

static void on_begin(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct world *w = t->data;

	(void)ev, (void)revents;
	w->await = (struct loop_await){ .fd = w->ends[0], .until_us = clock_mono_us() + w->wait_us,
					.over = on_over };
	cq_loop(w->cq)->await = &w->await;
	loop_timer(cq_loop(w->cq), &w->other, 0.001, 0.001);
}

static void on_other(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct world *w = t->data;

	(void)ev, (void)revents;
	if (++w->ticks == 3 && w->answered)
		cr_assert_eq(write(w->ends[1], "x", 1), 1);
}

static void run(struct world *w)
{
	struct err e;

	grpc_init();
	cr_assert_eq(cq_create(&w->cq, &e), ERR_OK);
	cr_assert_eq(pipe(w->ends), 0);
	ev_init(&w->begin, on_begin);
	ev_init(&w->other, on_other);
	w->begin.data = w->other.data = w;
	loop_timer(cq_loop(w->cq), &w->begin, 0, 0);
	cq_run(w->cq);
	cr_expect(w->over);
	w->cq = cq_destroy(w->cq);
	close(w->ends[0]);
	close(w->ends[1]);
	grpc_shutdown_blocking();
}

/* Others are served meanwhile: it is a timer that answers. */
Test(cq, answer_comes)
{
	struct world w = { .wait_us = 60000000, .answered = true };

	run(&w);
	cr_expect(w.in_time);
	cr_expect_geq(w.ticks, 3);
}

Test(cq, no_answer_in_time)
{
	struct world w = { .wait_us = 20000 };

	run(&w);
	cr_expect_not(w.in_time);
}
