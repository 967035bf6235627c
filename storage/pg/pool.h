/* storage/pg/pool.h -- connections for questions: opened on demand up to a ceiling, closed when idle or old.
 * One query at a time on a connection, so that cancelling one never hits another.
 * Memory: the caller's query structs, at most max_waiting of them queued. Threads: the reactor.
 * Blocking: never (connecting and cancelling run on the offload pool). */
#ifndef STORAGE_PG_POOL_H
#define STORAGE_PG_POOL_H

#include "storage/base/conf.h"
#include "storage/base/err.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"
#include "storage/pg/breaker.h"

#include <libpq-fe.h>
#include <stdint.h>

enum { POOL_MAX_STATEMENTS = 8, POOL_MAX_PARAMS = 16 };

struct pool_statement {
	const char *name;                          /* file name in storage/sql/query without .sql */
	int nparams;
	const char *params[POOL_MAX_PARAMS];       /* text format; NULL is SQL NULL; live until done */
};

struct pool_query {
	struct pool_query *next;                   /* the pool's */
	void *conn;                                /* the pool's: who runs it */
	int nstatements;                           /* run in order, in one REPEATABLE READ READ ONLY transaction */
	struct pool_statement statements[POOL_MAX_STATEMENTS];
	bool writes;                               /* READ COMMITTED, read-write instead */
	uint64_t deadline_us;                      /* clock_mono_us(); afterwards it is cancelled: ERR_DEADLINE */
	/* Exactly once, never from inside pool_run. results[i] belongs to statement i, all NULL unless c is ERR_OK;
	 * they are cleared by the pool after done returns. err says what PostgreSQL said (no values). */
	void (*done)(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *err);
};

struct pool;
/* c, l, o and b outlive the pool; b may be NULL. */
MUST_CHECK enum err_code pool_create(struct pool **out, const struct conf *c, struct loop *l, struct offload *o,
				     struct breaker *b, unsigned max_conns, unsigned max_idle, unsigned max_waiting,
				     struct err *e);
struct pool *pool_destroy(struct pool *p);         /* ends what is under way with ERR_CANCELLED */
MUST_CHECK enum err_code pool_run(struct pool *p, struct pool_query *q, struct err *e); /* ERR_QUOTA: too many waiting;
											      ERR_STORE: the breaker is open */
void pool_cancel(struct pool *p, struct pool_query *q);  /* the caller left: done(ERR_CANCELLED) follows */

#endif
