#include "server/wire/cq.h"

#include "storage/base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

/* While the reactor waits for an awaited answer it does not see calls come in: it looks up so often, and
 * when one has waited it awaits nothing more for a while. So this is for a service that is idle otherwise. */
static const struct timespec await_slice = { .tv_nsec = 200000 };
enum { AWAIT_AGAIN_US = 100000 };

struct cq {
	struct loop loop;
	grpc_completion_queue *queue;
	grpc_channel *lame;
	grpc_call *doorbell;          /* an empty batch on it wakes the reactor thread */
	struct cq_tag rung, awaited;
	ev_async nudge;               /* makes the polling thread look at changed watchers */
	pthread_t poller;
	pthread_mutex_t lock;         /* guards loop and the flags below */
	pthread_cond_t invoked;
	bool ringing, waiting, stopping, polling;
	uint64_t await_from_us;       /* monotonic; nothing is awaited before */
};

static void release(struct ev_loop *ev)
{
	struct cq *c = ev_userdata(ev);

	pthread_mutex_unlock(&c->lock);
}

static void acquire(struct ev_loop *ev)
{
	struct cq *c = ev_userdata(ev);

	pthread_mutex_lock(&c->lock);
}

/* On the polling thread, lock held: let the reactor thread invoke what is due. */
static void hand_over(struct ev_loop *ev)
{
	struct cq *c = ev_userdata(ev);

	ev_clear_pending(ev, &c->nudge);
	while (ev_pending_count(ev) && !c->stopping) {
		if (!c->ringing) {
			c->ringing = true;
			grpc_call_start_batch(c->doorbell, NULL, 0, &c->rung, NULL);
		}
		c->waiting = true;
		pthread_cond_wait(&c->invoked, &c->lock);
	}
	c->waiting = false;
	if (c->stopping)
		ev_break(ev, EVBREAK_ALL);
}

static void *poll_thread(void *arg)
{
	struct cq *c = arg;

	pthread_mutex_lock(&c->lock);
	ev_run(c->loop.ev, 0);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void on_rung(struct cq_tag *t, bool ok)
{
	struct cq *c = (struct cq *)((char *)t - offsetof(struct cq, rung));

	(void)ok;
	c->ringing = false; /* the turn's end invokes what is pending */
}

static void on_awaited(struct cq_tag *t, bool ok)
{
	struct cq *c = (struct cq *)((char *)t - offsetof(struct cq, awaited));
	struct loop_await *a = c->loop.await;

	(void)ok;
	c->loop.await = NULL;
	a->over(a);
}

static void on_nudge(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev, (void)w, (void)revents;
}

static enum err_code start_poller(struct cq *c, struct err *e)
{
	sigset_t all, old;
	int rc;

	/* Signals are for the reactor thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&c->poller, NULL, poll_thread, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	c->polling = rc == 0;
	return rc ? err_set(e, ERR_QUOTA, "no thread for the event loop") : ERR_OK;
}

enum err_code cq_create(struct cq **out, struct err *e)
{
	struct cq *c = calloc(1, sizeof(*c));
	grpc_slice path = grpc_slice_from_static_string("/wake");

	if (!c)
		return err_set(e, ERR_QUOTA, "no memory for a completion queue");
	c->loop.awaits = true;
	c->loop.ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!c->loop.ev) {
		free(c);
		return err_set(e, ERR_QUOTA, "no event loop");
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->invoked, NULL);
	c->queue = grpc_completion_queue_create_for_next(NULL);
	c->lame = grpc_lame_client_channel_create("wake", GRPC_STATUS_UNAVAILABLE, "wake");
	c->doorbell = grpc_channel_create_call(c->lame, NULL, GRPC_PROPAGATE_DEFAULTS, c->queue, path,
					       NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	c->rung.fire = on_rung;
	c->awaited.fire = on_awaited;
	ev_async_init(&c->nudge, on_nudge);
	ev_async_start(c->loop.ev, &c->nudge);
	ev_set_userdata(c->loop.ev, c);
	ev_set_loop_release_cb(c->loop.ev, release, acquire);
	ev_set_invoke_pending_cb(c->loop.ev, hand_over);
	*out = c;
	return ERR_OK;
}

struct loop *cq_loop(struct cq *c)
{
	return &c->loop;
}

grpc_completion_queue *cq_queue(struct cq *c)
{
	return c->queue;
}

/* Runs one completion and whatever became pending, as one turn under the lock. */
static void turn(struct cq *c, struct cq_tag *t, bool ok)
{
	bool waiting;

	pthread_mutex_lock(&c->lock);
	t->fire(t, ok);
	if (ev_pending_count(c->loop.ev))
		ev_invoke_pending(c->loop.ev);
	waiting = c->waiting;
	c->waiting = false;
	if (c->loop.changed || c->stopping) {
		c->loop.changed = false;
		if (!waiting || c->stopping) /* one that waits looks at the watchers anyway */
			ev_async_send(c->loop.ev, &c->nudge);
	}
	pthread_mutex_unlock(&c->lock);
	if (waiting)
		pthread_cond_signal(&c->invoked); /* behind the unlock: it would only block on the lock */
}

/* Looks for the awaited answer, and for completions in between. What has come, or NULL: nothing is awaited. */
static struct cq_tag *await(struct cq *c, bool *ok)
{
	uint64_t now = clock_mono_us();

	for (bool waited = false; c->loop.await; waited = true) {
		struct pollfd p = { .fd = c->loop.await->fd, .events = POLLIN };
		grpc_event ev = grpc_completion_queue_next(c->queue, gpr_inf_past(GPR_CLOCK_REALTIME), NULL);

		*ok = ev.success != 0;
		if (ev.type == GRPC_OP_COMPLETE) {
			if (waited && ev.tag != &c->rung)
				c->await_from_us = now + AWAIT_AGAIN_US;
			return ev.tag;
		}
		if (now < c->await_from_us || now >= c->loop.await->until_us ||
		    ppoll(&p, 1, &await_slice, NULL) > 0)
			return &c->awaited;
		now = clock_mono_us();
	}
	return NULL;
}

static struct cq_tag *next(struct cq *c, bool *ok)
{
	struct cq_tag *t = await(c, ok);
	grpc_event ev;

	if (t)
		return t;
	ev = grpc_completion_queue_next(c->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
	*ok = ev.success != 0;
	return ev.tag;
}

static void end_poller(struct cq *c)
{
	if (!c->polling)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->invoked);
	ev_async_send(c->loop.ev, &c->nudge);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->poller, NULL);
	c->polling = false;
}

void cq_run(struct cq *c)
{
	struct err e;
	bool ok;

	if (start_poller(c, &e))
		abort(); /* nothing was taken yet, and nothing can be */
	while (!c->stopping) {
		struct cq_tag *t = next(c, &ok);

		turn(c, t, ok);
	}
	end_poller(c); /* from here on the loop is the caller's alone */
}

void cq_stop(struct cq *c)
{
	c->stopping = true;
}

struct cq *cq_destroy(struct cq *c)
{
	grpc_event ev;

	if (!c)
		return NULL;
	end_poller(c);
	grpc_call_unref(c->doorbell);
	grpc_channel_destroy(c->lame);
	grpc_completion_queue_shutdown(c->queue);
	for (;;) {
		ev = grpc_completion_queue_next(c->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
		if (ev.type == GRPC_QUEUE_SHUTDOWN)
			break;
		((struct cq_tag *)ev.tag)->fire(ev.tag, false);
	}
	grpc_completion_queue_destroy(c->queue);
	ev_loop_destroy(c->loop.ev);
	pthread_cond_destroy(&c->invoked);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}
