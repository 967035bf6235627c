/* storage/pg/breaker.h -- stops asking a PostgreSQL that keeps failing, and finds out when it is back.
 *
 *   CLOSED --(failures in a row)--> OPEN --(BREAKER_OPEN_MS)--> HALF_OPEN --(the probe connects)--> CLOSED
 *                                     ^-----------(the probe fails)------------'
 *
 * A failure is a connection that cannot be opened, a timeout, a statement refused with one of the classes
 * of sqlstate_is_away, or a connection lost with work under way, whatever that work was. Only a statement
 * that was answered ends the row of all of them; a connection that could be opened ends that of its kind.
 * While it is not CLOSED its members send nothing; the probe is a connection of the breaker's own.
 * One a worker, shared by the event store and the pool.
 * Memory: one struct; members are embedded in theirs. Threads: the reactor. Blocking: never. */
#ifndef STORAGE_PG_BREAKER_H
#define STORAGE_PG_BREAKER_H

#include "storage/base/conf.h"
#include "storage/base/err.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"

#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN, BREAKER_STATES };

/* Who is told. */
struct breaker_member {
	struct breaker_member *next, **link;  /* the breaker's */
	void (*changed)(struct breaker_member *m); /* it opened or closed; may not leave from inside */
};

struct breaker;

/* c, l and o outlive the breaker, the breaker its members. */
MUST_CHECK enum err_code breaker_create(struct breaker **out, const struct conf *c, struct loop *l,
					struct offload *o, struct err *e);
struct breaker *breaker_destroy(struct breaker *b); /* NULL-safe; returns NULL */

/* Each of these takes NULL for a breaker that never opens. */
void breaker_join(struct breaker *b, struct breaker_member *m);
void breaker_leave(struct breaker *b, struct breaker_member *m);
bool breaker_allows(const struct breaker *b);        /* CLOSED */
void breaker_cannot_connect(struct breaker *b);
void breaker_failed(struct breaker *b);              /* a timeout, a lost connection, a telling SQLSTATE */
void breaker_connected(struct breaker *b);
void breaker_answered(struct breaker *b);

/* For tests: the state, and the time's coming without waiting for the timer. */
enum breaker_state breaker_state(const struct breaker *b);
void breaker_look(struct breaker *b);
void breaker_probe_with(struct breaker *b, void (*probe)(struct breaker *b)); /* instead of a connection */
void breaker_probed(struct breaker *b, bool there);  /* its answer */

#endif
