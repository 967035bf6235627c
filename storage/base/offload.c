#include "storage/base/offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { OFFLOAD_MAX_THREADS = 16, OFFLOAD_DESTROY_WAIT_S = 3 };

struct task_list {
	struct offload_task *head, **tail;
};

struct offload {
	struct loop *loop;
	ev_io io;                    /* on fd: a task ended. ev_async would be lost outside ev_run */
	int fd;
	unsigned threads, max_queued;
	pthread_t thread[OFFLOAD_MAX_THREADS];

	pthread_mutex_t lock;        /* guards all below */
	pthread_cond_t work;
	struct task_list queued, ended;
	unsigned nqueued, running;
	bool stop;
};

static void list_push(struct task_list *l, struct offload_task *t)
{
	t->next = NULL;
	*l->tail = t;
	l->tail = &t->next;
}

static struct offload_task *list_pop(struct task_list *l)
{
	struct offload_task *t = l->head;

	if (t && !(l->head = t->next))
		l->tail = &l->head;
	return t;
}

static void list_init(struct task_list *l)
{
	*l = (struct task_list){ .tail = &l->head };
}

static void *thread_main(void *arg)
{
	const uint64_t one = 1;
	struct offload *o = arg;
	struct offload_task *t;

	pthread_mutex_lock(&o->lock);
	for (;;) {
		while (!o->stop && !o->queued.head)
			pthread_cond_wait(&o->work, &o->lock);
		if (o->stop)
			break;
		t = list_pop(&o->queued);
		o->nqueued--;
		o->running++;
		pthread_mutex_unlock(&o->lock);
		t->run(t);
		pthread_mutex_lock(&o->lock);
		o->running--;
		list_push(&o->ended, t);
		/* Fails only when the counter is full, and then the reactor is told already. */
		if (write(o->fd, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void run_done(struct offload *o)
{
	struct offload_task *t;

	for (;;) {
		pthread_mutex_lock(&o->lock);
		t = list_pop(&o->ended);
		pthread_mutex_unlock(&o->lock);
		if (!t)
			return;
		t->done(t);
	}
}

static void on_ended(struct ev_loop *ev, ev_io *io, int revents)
{
	struct offload *o = io->data;
	uint64_t n;

	(void)ev;
	(void)revents;
	if (read(o->fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		run_done(o);
}

/* Signals are the reactor's business: helper threads start with all of them blocked. */
static void start_threads(struct offload *o, unsigned threads)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (o->threads < threads && !pthread_create(&o->thread[o->threads], NULL, thread_main, o))
		o->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum err_code offload_create(struct offload **out, struct loop *l, unsigned threads, unsigned max_queued,
			     struct err *e)
{
	struct offload *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, ERR_QUOTA, "offload: no memory");
	if ((o->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) {
		free(o);
		return err_set(e, ERR_QUOTA, "offload: eventfd: errno %d", errno);
	}
	o->loop = l;
	o->max_queued = max_queued;
	list_init(&o->queued);
	list_init(&o->ended);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->work, NULL);
	start_threads(o, threads < OFFLOAD_MAX_THREADS ? threads : OFFLOAD_MAX_THREADS);
	ev_init(&o->io, on_ended);
	o->io.data = o;
	loop_io(l, &o->io, o->fd, EV_READ);
	if (!o->threads) {
		offload_destroy(o);
		return err_set(e, ERR_QUOTA, "offload: no thread could be started");
	}
	*out = o;
	return ERR_OK;
}

enum err_code offload_submit(struct offload *o, struct offload_task *t)
{
	enum err_code c = ERR_QUOTA;

	pthread_mutex_lock(&o->lock);
	if (o->nqueued < o->max_queued) {
		list_push(&o->queued, t);
		o->nqueued++;
		pthread_cond_signal(&o->work);
		c = ERR_OK;
	}
	pthread_mutex_unlock(&o->lock);
	return c;
}

bool offload_withdraw(struct offload *o, struct offload_task *t)
{
	struct task_list rest;
	struct offload_task *each;
	bool found = false;

	list_init(&rest);
	pthread_mutex_lock(&o->lock);
	while ((each = list_pop(&o->queued))) {
		if (each == t)
			found = true;
		else
			list_push(&rest, each);
	}
	while ((each = list_pop(&rest)))
		list_push(&o->queued, each);
	o->nqueued -= found;
	pthread_mutex_unlock(&o->lock);
	return found;
}

/* False when a task would not end: a server that accepts and stays silent can hold PQcancel for ever. */
static bool join_threads(struct offload *o)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += OFFLOAD_DESTROY_WAIT_S;
	for (unsigned i = 0; i < o->threads; i++)
		if (pthread_timedjoin_np(o->thread[i], NULL, &until))
			return false;
	return true;
}

struct offload *offload_destroy(struct offload *o)
{
	bool joined;

	if (!o)
		return NULL;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	list_init(&o->queued);
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->lock);
	joined = join_threads(o);
	loop_io(o->loop, &o->io, o->fd, 0);
	run_done(o);
	if (!joined)
		return NULL; /* the stuck thread still uses it, and the process is about to end */
	pthread_cond_destroy(&o->work);
	pthread_mutex_destroy(&o->lock);
	close(o->fd);
	free(o);
	return NULL;
}
