/* storage/base/loop.h -- the libev loop of this reactor, and the only way its watchers are changed.
 * The loop may be polled by another thread while our callbacks run (server/wire/cq.c), so a change of
 * watchers is noted here and that thread is told once, at the end of the turn. Outside a reactor (tests,
 * tools) an ordinary ev_run works as well.
 * Threads: the reactor thread only, except loop_wake. Blocking: never. */
#ifndef STORAGE_BASE_LOOP_H
#define STORAGE_BASE_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

/* An answer that is expected at once. Until then the reactor thread looks for it itself while it has nothing
 * else to do, as being woken by the polling thread would take longer than many an answer. */
struct loop_await {
	int fd;                       /* nobody else may wait for it to become readable meanwhile */
	uint64_t until_us;            /* monotonic */
	void (*over)(struct loop_await *a); /* once: fd is readable, or it is time, or others need the thread */
};

struct loop {
	struct ev_loop *ev;
	bool changed; /* watchers changed since the polling thread last looked */
	bool awaits;  /* whoever runs the loop looks at the following */
	struct loop_await *await; /* at most one; set and taken back by its owner; NULL: none */
};

/* (Re)starts io on fd for events (EV_READ | EV_WRITE); 0 stops it. A no-op when nothing changes. */
static inline void loop_io(struct loop *l, ev_io *io, int fd, int events)
{
	if (ev_is_active(io) && io->fd == fd && (io->events & (EV_READ | EV_WRITE)) == events)
		return;
	if (!ev_is_active(io) && !events)
		return;
	ev_io_stop(l->ev, io);
	if (events) {
		ev_io_set(io, fd, events);
		ev_io_start(l->ev, io);
	}
	l->changed = true;
}

/* (Re)starts a timer: first after after_s seconds from now, then every repeat_s (0: once). */
static inline void loop_timer(struct loop *l, ev_timer *t, double after_s, double repeat_s)
{
	ev_now_update(l->ev); /* the loop's idea of now may be as old as its last poll */
	ev_timer_stop(l->ev, t);
	ev_timer_set(t, after_s, repeat_s);
	ev_timer_start(l->ev, t);
	l->changed = true;
}

static inline void loop_timer_stop(struct loop *l, ev_timer *t)
{
	if (!ev_is_active(t))
		return;
	ev_timer_stop(l->ev, t);
	l->changed = true;
}

/* (Re)starts a periodic watcher; its reschedule callback may run on the polling thread and must be pure. */
static inline void loop_periodic(struct loop *l, ev_periodic *p)
{
	ev_now_update(l->ev);
	ev_periodic_again(l->ev, p);
	l->changed = true;
}

static inline void loop_periodic_stop(struct loop *l, ev_periodic *p)
{
	if (!ev_is_active(p))
		return;
	ev_periodic_stop(l->ev, p);
	l->changed = true;
}

#endif
