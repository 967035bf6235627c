/* server/orders/order_client.h -- calls api.orders.v1.OrderCountService (storage/order_count.h) at
 * ORDER_SERVICE_ADDR: a deadline for each call, a few calls with a growing pause between them, and a breaker of
 * its own: after BREAKER_FAILURES failed calls in a row none is made for BREAKER_OPEN_MS.
 * Memory: one struct and gRPC's channel, which connects when it is asked. Threads: the reactor. Blocking: never.
 * Errors: ERR_STORE: it cannot be had now; others as the service said. */
#ifndef SERVER_ORDERS_ORDER_CLIENT_H
#define SERVER_ORDERS_ORDER_CLIENT_H

#include "storage/order_count.h"

struct services;

/* *out is NULL where no address is set. s outlives it. */
MUST_CHECK enum err_code order_client_create(struct order_count **out, const struct services *s, struct err *e);
/* Before the completion queue ends. A question under way is forgotten: its done is not called. NULL-safe; returns NULL. */
struct order_count *order_client_destroy(struct order_count *o);

#endif
