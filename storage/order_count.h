/* storage/order_count.h -- what the order service is asked, by whoever can call it.
 * Memory: the implementation's. Threads: the reactor. Blocking: never. */
#ifndef STORAGE_ORDER_COUNT_H
#define STORAGE_ORDER_COUNT_H

#include "storage/base/err.h"

#include <stdint.h>

struct order_count {
	/* The orders of [from_us, until_us), microseconds since 1970 UTC. done: once, never from inside; orders only
	 * if c is ERR_OK. One question at a time. */
	void (*ask)(struct order_count *o, int64_t from_us, int64_t until_us,
		    void (*done)(void *ctx, enum err_code c, int64_t orders, const struct err *e), void *ctx);
	void (*stop)(struct order_count *o);    /* done follows soon */
};

#endif
