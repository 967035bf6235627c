#include "storage/base/offload.h"

#include <criterion/criterion.h>
#include <pthread.h>

struct job {
	struct offload_task task;
	pthread_t ran_on;
	unsigned ran, ended;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void run(struct offload_task *t)
{
	struct job *j = (struct job *)t;

	pthread_mutex_lock(&gate); /* the test holds it while nothing may end */
	pthread_mutex_unlock(&gate);
	j->ran++;
	j->ran_on = pthread_self();
}

static void done(struct offload_task *t)
{
	((struct job *)t)->ended++;
}

static struct loop loop;

static struct offload *open_offload(unsigned threads, unsigned max_queued)
{
	struct offload *o;

	loop.ev = ev_loop_new(EVFLAG_AUTO);
	cr_assert_eq(offload_create(&o, &loop, threads, max_queued, NULL), ERR_OK);
	return o;
}

Test(offload, runs_elsewhere_and_ends_here, .timeout = 30)
{
	struct job jobs[20] = { 0 };
	struct offload *o = open_offload(3, 20);
	unsigned ended = 0;

	for (unsigned i = 0; i < 20; i++) {
		jobs[i].task = (struct offload_task){ .run = run, .done = done };
		cr_assert_eq(offload_submit(o, &jobs[i].task), ERR_OK);
	}
	while (ended < 20) {
		ev_run(loop.ev, EVRUN_ONCE);
		ended = 0;
		for (unsigned i = 0; i < 20; i++)
			ended += jobs[i].ended;
	}
	for (unsigned i = 0; i < 20; i++) {
		cr_expect_eq(jobs[i].ran, 1);
		cr_expect_eq(jobs[i].ended, 1);
		cr_expect(!pthread_equal(jobs[i].ran_on, pthread_self()));
	}
	offload_destroy(o);
	ev_loop_destroy(loop.ev);
}

Test(offload, a_full_queue_refuses_and_what_waits_can_be_withdrawn, .timeout = 30)
{
	struct job jobs[8] = { 0 };
	struct offload *o = open_offload(1, 3);
	unsigned taken = 0;

	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < 8; i++) {
		jobs[i].task = (struct offload_task){ .run = run, .done = done };
		taken += offload_submit(o, &jobs[i].task) == ERR_OK;
	}
	cr_expect(taken == 3 || taken == 4, "%u", taken); /* three wait; one may run already */
	cr_expect(offload_withdraw(o, &jobs[taken - 1].task));
	cr_expect(!offload_withdraw(o, &jobs[taken - 1].task));
	pthread_mutex_unlock(&gate);
	while (!jobs[taken - 2].ended)
		ev_run(loop.ev, EVRUN_ONCE);
	cr_expect_eq(jobs[taken - 1].ran, 0);
	offload_destroy(o);
	cr_expect_eq(jobs[taken - 1].ended, 0);
	ev_loop_destroy(loop.ev);
}

Test(offload, destroy_drops_what_waits_and_ends_what_runs, .timeout = 30)
{
	struct job jobs[4] = { 0 };
	struct offload *o = open_offload(1, 4);

	for (unsigned i = 0; i < 4; i++) {
		jobs[i].task = (struct offload_task){ .run = run, .done = done };
		cr_assert_eq(offload_submit(o, &jobs[i].task), ERR_OK);
	}
	offload_destroy(o);
	for (unsigned i = 0; i < 4; i++)
		cr_expect_eq(jobs[i].ended, jobs[i].ran);
	ev_loop_destroy(loop.ev);
}
