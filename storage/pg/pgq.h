/* storage/pg/pgq.h -- one pipelined connection to PostgreSQL as a state machine on the loop.
 *
 *   CLOSED -> CONNECTING (on a helper thread) -> PREPARING (its class's statements) -> READY -> CLOSED
 *
 * A unit is statements and one Sync: without a BEGIN of its own it commits or fails as a whole. Units are
 * answered in the order they were sent. A server that stays silent for the statement timeout and a margin,
 * a broken socket, or an answer out of step closes the connection, and every unit under way hears ERR_STORE.
 * Memory: libpq's buffers (as large as the largest unit); parameters are copied by pgq_submit, results
 * live until done returns. Threads: the reactor. Blocking: never.
 * Errors: see sqlstate.h; u->state has PostgreSQL's own code. */
#ifndef STORAGE_PG_PGQ_H
#define STORAGE_PG_PGQ_H

#include "storage/base/conf.h"
#include "storage/base/err.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"
#include "storage/pg/breaker.h"
#include "storage/pg/sql.h"

#include <libpq-fe.h>
#include <stdint.h>

enum { PGQ_MAX_STATEMENTS = 40 };

struct pgq_statement {
	const char *name;            /* prepared: its name in storage/sql/query */
	int nparams;
	const char *const *params;   /* NULL: SQL NULL */
	const int *lengths, *formats; /* as PQexecPrepared; both NULL: all text */
	int result_format;           /* 0 text, 1 binary */
};

struct pgq_unit {
	struct pgq_unit *next;       /* pgq's */
	void (*done)(struct pgq_unit *u); /* exactly once; never from inside pgq_submit */
	unsigned expected, seen;     /* statements sent; answered */
	enum err_code code;          /* the first failure */
	char state[6];               /* its SQLSTATE, or "" when it had none */
	unsigned failed;             /* its statement's index */
	PGresult *results[PGQ_MAX_STATEMENTS]; /* by statement; cleared when done returns */
};

enum pgq_state { PGQ_CLOSED, PGQ_CONNECTING, PGQ_PREPARING, PGQ_READY, PGQ_STATES };

struct connect_task;

struct pgq {
	const struct conf *conf;
	struct loop *loop;
	struct offload *offload;
	enum sql_class class;
	struct breaker *breaker;     /* hears how it goes; while it is open nothing is opened. NULL: none */
	bool keep;                   /* owner's: when closed, connect again (100 ms .. 5 s later, or when the
					breaker closes) */
	void (*on_change)(struct pgq *q); /* READY or CLOSED was reached; not called by pgq_open, pgq_reset */
	void (*on_notify)(struct pgq *q); /* a channel that is listened to spoke; may be NULL */
	void *ctx;                   /* owner's */
	uint32_t patience_ms;        /* owner's: of silence, when units may outlast the statement timeout */

	/* Read-only for owners. */
	enum pgq_state state;
	uint32_t generation;         /* counts closings */
	uint32_t event_row_oid, letter_row_oid; /* of SQL_INGEST connections, once READY */
	uint64_t expires_us;         /* monotonic; from then on it should be replaced when idle */

	/* Private. */
	struct breaker_member member;
	PGconn *pg;
	int gate;                    /* an epoll descriptor that holds the socket, watched by the loop: what is
					waited for changes inside, without the polling thread. -1: none */
	uint32_t gate_events;
	struct loop_await await;
	ev_io io;                    /* of the gate */
	ev_timer timer;              /* CLOSED: the next attempt; PREPARING, READY: looks for silence */
	struct connect_task *task;
	struct pgq_unit *head, **tail; /* sent, Sync not seen yet */
	struct pgq_unit prepare;
	uint64_t heard_us;           /* the last time the server answered, or had nothing to answer */
	unsigned failures;           /* in a row */
	bool broken;                 /* found inside pgq_submit: to be closed on the loop's next turn */
	const char *counted;         /* the state it is counted under in analytics_db_connections */
	bool busy;                   /* counted in analytics_db_connections_busy */
};

void pgq_init(struct pgq *q, const struct conf *c, struct loop *l, struct offload *o, enum sql_class k,
	      struct breaker *b);
void pgq_reset(struct pgq *q);   /* closes; units under way hear ERR_STORE; not from inside a done */
void pgq_open(struct pgq *q);    /* CLOSED -> CONNECTING, at once; a no-op in other states, and while the
				    breaker is open: one to be kept is then opened when it closes */
void pgq_close(struct pgq *q);   /* as if the connection broke; may be called from inside a done */
bool pgq_idle(const struct pgq *q); /* READY and nothing under way */
bool pgq_expired(const struct pgq *q);
/* The answer to what was just submitted is expected at once: see struct loop_await. */
void pgq_expect(struct pgq *q);

/* ERR_STORE: the connection is not READY (or broke just now); u is not taken then. */
MUST_CHECK enum err_code pgq_submit(struct pgq *q, struct pgq_unit *u, const struct pgq_statement *statements,
				    unsigned n);

/* Seconds to wait after so many failures in a row: doubles from 0.1 up to 5, the upper half of it by chance. */
double pgq_backoff_s(unsigned failures);

#endif
