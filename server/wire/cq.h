/* server/wire/cq.h -- one thread that runs every callback, woken by gRPC's completion queue and libev alike.
 * gRPC's C core has no descriptor to watch, so the reactor thread blocks in grpc_completion_queue_next. A
 * helper thread runs ev_run but invokes nothing: when watchers are due it posts an event to the queue (a
 * batch without operations on a lame channel's call completes at once, from any thread) and waits until the
 * reactor thread has invoked them (ev_set_invoke_pending_cb, ev_set_loop_release_cb: libev's documented way).
 * The loop's lock is held by the reactor thread while callbacks run, so they use the loop freely.
 * Threads: cq_run's caller is the reactor thread; the helper thread lives in cq.c alone. Blocking: only
 * cq_run, and only while there is nothing to do; an answer that is awaited (struct loop_await) it polls for
 * itself, which hides what else comes in for a fifth of a millisecond at most. */
#ifndef SERVER_WIRE_CQ_H
#define SERVER_WIRE_CQ_H

#include "storage/base/err.h"
#include "storage/base/loop.h"

#include <grpc/grpc.h>

/* Embedded in what waits for an operation; its address is the operation's tag. */
struct cq_tag {
	void (*fire)(struct cq_tag *t, bool ok);  /* may free t */
};

struct cq;
MUST_CHECK enum err_code cq_create(struct cq **out, struct err *e);  /* after grpc_init */
struct cq *cq_destroy(struct cq *c);   /* drains the queue (tags fire); NULL-safe; returns NULL */
struct loop *cq_loop(struct cq *c);
grpc_completion_queue *cq_queue(struct cq *c);
void cq_run(struct cq *c);             /* until cq_stop is called from a callback */
void cq_stop(struct cq *c);

#endif
