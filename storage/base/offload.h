/* storage/base/offload.h -- the few things that may block (name resolution, connecting, PQcancel, files)
 * run on a small pool of helper threads; their end is reported on the reactor.
 * Memory: a bounded queue of callers' own task structs. Threads: submit on the reactor; run() on a helper
 * thread; done() on the reactor. Errors: offload_submit returns ERR_QUOTA when the queue is full. */
#ifndef STORAGE_BASE_OFFLOAD_H
#define STORAGE_BASE_OFFLOAD_H

#include "storage/base/err.h"
#include "storage/base/loop.h"

struct offload;
struct offload_task {
	struct offload_task *next;                /* the pool's */
	void (*run)(struct offload_task *t);      /* may block; touches only what the task owns */
	void (*done)(struct offload_task *t);     /* exactly once, on the reactor; may free t */
};

MUST_CHECK enum err_code offload_create(struct offload **out, struct loop *l, unsigned threads,
					unsigned max_queued, struct err *e);
MUST_CHECK enum err_code offload_submit(struct offload *o, struct offload_task *t);
/* True when t had not started: it is the caller's again and done() will not run. */
bool offload_withdraw(struct offload *o, struct offload_task *t);
/* Waits for running tasks, 3 s at most, and runs done() of those that ended; queued ones are dropped: done()
 * runs for none of them. */
struct offload *offload_destroy(struct offload *o); /* NULL-safe; returns NULL */

#endif
