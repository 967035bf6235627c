#include "storage/pg/pool.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/pg/pgq.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CANCEL_PATIENCE_US = 2000000, /* then a connection that does not come back from a cancel is dropped */
	CONNECT_PATIENCE_US = 800000, /* a question waits so long for a first connection */
	AROUND = 2,                   /* BEGIN before and COMMIT behind the question's statements */
};

static const uint64_t never = UINT64_MAX;

struct pool_conn;

/* PQcancel on a helper thread; owner is read and written on the reactor only. */
struct cancel_task {
	struct offload_task task;
	struct pool_conn *owner;      /* NULL: nobody waits for it any more */
	PGcancel *cancel;
};

struct pool_conn {
	struct pgq q;
	struct pool *pool;
	struct pgq_unit unit;
	struct pool_query *query;     /* running */
	bool rolling_back;            /* unit is a ROLLBACK */
	bool was_ready;               /* since it was opened: its end says nothing about the next attempt's */
	enum err_code verdict;        /* why query was cancelled; ERR_OK: it was not */
	uint64_t give_up_us;          /* when to drop the connection after a cancel */
	struct cancel_task *cancel;   /* under way: it may still hit whatever runs here */
	uint64_t idle_since_us;
};

struct pool {
	const struct conf *conf;
	struct loop *loop;
	struct offload *offload;
	struct breaker *breaker;
	struct breaker_member member;
	unsigned max_conns, max_idle, max_waiting;
	struct pool_query *head, **tail; /* waiting; a cancelled one has conn == &gone */
	unsigned nwaiting;
	struct metric *waiting;       /* the same, for all to see */
	uint64_t waiting_since_us;    /* for a first connection, while none is ready */
	bool away;                    /* the last attempt to connect failed and none is ready */
	bool destroying;
	ev_timer timer;
	uint64_t armed_us;            /* when timer fires; never: not at all */
	struct pool_conn conns[];
};

static char gone;                     /* marks a waiting query whose caller has left */

static void dispatch(struct pool *p);

/* Time */

static void wake_at(struct pool *p, uint64_t at_us)
{
	uint64_t now = clock_mono_us();

	if (at_us >= p->armed_us)
		return;
	p->armed_us = at_us;
	loop_timer(p->loop, &p->timer, at_us > now ? (double)(at_us - now) / 1e6 : 0, 0);
}

/* Connections */

static bool conn_idle(const struct pool_conn *c)
{
	return pgq_idle(&c->q) && !c->query && !c->rolling_back && !c->cancel;
}

static unsigned count_state(const struct pool *p, enum pgq_state from, enum pgq_state to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->max_conns; i++)
		n += p->conns[i].q.state >= from && p->conns[i].q.state <= to;
	return n;
}

static void conn_close(struct pool_conn *c)
{
	c->q.keep = false;
	if (c->cancel) {
		c->cancel->owner = NULL; /* its done() frees it */
		c->cancel = NULL;
	}
	pgq_close(&c->q);
}

static void conn_rest(struct pool_conn *c)
{
	struct pool *p = c->pool;
	unsigned idle = 0;

	for (unsigned i = 0; i < p->max_conns; i++)
		idle += conn_idle(&p->conns[i]);
	c->idle_since_us = clock_mono_us();
	if (pgq_expired(&c->q) || (!p->head && idle > p->max_idle))
		conn_close(c);
	else
		wake_at(p, c->idle_since_us + p->conf->db_conn_max_idle_time_sec * UINT64_C(1000000));
	dispatch(p);
}

/* A query's end */

static void finish(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *err)
{
	static PGresult *const none[POOL_MAX_STATEMENTS];
	struct err own = { 0 };

	if (c && !err) {
		err_set(&own, c, "%s", c == ERR_STORE ? "PostgreSQL is away" : "given up");
		err = &own;
	}
	q->conn = NULL;
	q->done(q, c, c ? none : results, err ? err : &own);
}

static void push_waiting(struct pool *p, struct pool_query *q)
{
	q->next = NULL;
	*p->tail = q;
	p->tail = &q->next;
	p->nwaiting++;
	metric_add(p->waiting, 1);
}

static struct pool_query *pop_waiting(struct pool *p)
{
	struct pool_query *q = p->head;

	if (!q)
		return NULL;
	if (!(p->head = q->next))
		p->tail = &p->head;
	p->nwaiting--;
	metric_add(p->waiting, -1);
	return q;
}

/* Ends the waiting queries that `over` names a code for; the others stay in order. */
static void sweep_waiting(struct pool *p, enum err_code (*over)(const struct pool_query *q, uint64_t now))
{
	uint64_t now = clock_mono_us();
	struct pool_query *q;
	enum err_code c;

	/* Each is looked at once: a done() may add new ones behind. */
	for (unsigned n = p->nwaiting; n-- && (q = pop_waiting(p));) {
		if ((c = over(q, now))) {
			finish(q, c, NULL, NULL);
			continue;
		}
		push_waiting(p, q);
	}
}

static enum err_code over_by_itself(const struct pool_query *q, uint64_t now)
{
	if (q->conn == &gone)
		return ERR_CANCELLED;
	return now >= q->deadline_us ? ERR_DEADLINE : ERR_OK;
}

static enum err_code over_away(const struct pool_query *q, uint64_t now)
{
	enum err_code c = over_by_itself(q, now);

	return c ? c : ERR_STORE;
}

static enum err_code over_all(const struct pool_query *q, uint64_t now)
{
	(void)q;
	(void)now;
	return ERR_CANCELLED;
}

/* Cancelling */

static void cancel_run(struct offload_task *task)
{
	struct cancel_task *t = (struct cancel_task *)task;
	char why[256];

	/* When it does not get through, the connection is dropped: see give_up_us. */
	if (t->cancel && !PQcancel(t->cancel, why, sizeof(why)))
		log_warn("pg.pool", "a cancel did not get through");
}

static void cancel_done(struct offload_task *task)
{
	struct cancel_task *t = (struct cancel_task *)task;
	struct pool_conn *c = t->owner;

	PQfreeCancel(t->cancel);
	free(t);
	if (!c)
		return;
	c->cancel = NULL;
	if (conn_idle(c))
		conn_rest(c);
}

static void cancel_running(struct pool_conn *c, enum err_code why)
{
	struct cancel_task *t;

	if (c->verdict)
		return;
	c->verdict = why;
	c->give_up_us = clock_mono_us() + CANCEL_PATIENCE_US;
	wake_at(c->pool, c->give_up_us);
	if (c->cancel || !(t = calloc(1, sizeof(*t))))
		return;
	*t = (struct cancel_task){ .task = { .run = cancel_run, .done = cancel_done }, .owner = c,
				   .cancel = PQgetCancel(c->q.pg) };
	if (offload_submit(c->pool->offload, &t->task)) {
		PQfreeCancel(t->cancel);
		free(t);
		return;
	}
	c->cancel = t;
}

/* Running */

static void on_rolled_back(struct pgq_unit *u)
{
	struct pool_conn *c = (struct pool_conn *)((char *)u - offsetof(struct pool_conn, unit));

	c->rolling_back = false;
	if (c->q.state != PGQ_READY)
		return;
	if (PQtransactionStatus(c->q.pg) != PQTRANS_IDLE)
		conn_close(c);
	else if (!c->cancel)
		conn_rest(c);
}

/* The transaction that BEGIN opened outlives the Sync when a statement failed. */
static void roll_back(struct pool_conn *c)
{
	static const struct pgq_statement rollback = { .name = "tx_rollback" };

	c->unit.done = on_rolled_back;
	c->rolling_back = true;
	if (pgq_submit(&c->q, &c->unit, &rollback, 1)) {
		c->rolling_back = false;
		conn_close(c);
	}
}

static enum err_code explain(const struct pool_conn *c, const struct pool_query *q, struct err *e)
{
	const struct pgq_unit *u = &c->unit;
	const char *name = "transaction";
	enum err_code code = u->code;

	if (u->failed >= 1 && u->failed <= (unsigned)q->nstatements)
		name = q->statements[u->failed - 1].name;
	if (c->verdict == ERR_CANCELLED || (c->verdict && code))
		return err_set(e, c->verdict, "%s: cancelled", name);
	if (!code)
		return ERR_OK;
	if (!strcmp(u->state, "57014")) /* the statement timeout */
		return err_set(e, ERR_DEADLINE, "%s: took too long", name);
	return err_set(e, code, "%s: SQLSTATE %s", name, u->state[0] ? u->state : "none, connection lost");
}

static void on_answered(struct pgq_unit *u)
{
	struct pool_conn *c = (struct pool_conn *)((char *)u - offsetof(struct pool_conn, unit));
	struct pool_query *q = c->query;
	PGresult *results[PGQ_MAX_STATEMENTS];
	struct err e = { 0 };
	enum err_code code;

	if (!q)
		return; /* the connection was given up after a cancel */
	code = explain(c, q, &e);
	memcpy(results, u->results, sizeof(results)); /* pgq clears them when this returns */
	c->query = NULL;
	c->verdict = ERR_OK;
	c->give_up_us = never;
	if (c->q.state == PGQ_READY && PQtransactionStatus(c->q.pg) != PQTRANS_IDLE)
		roll_back(c);
	finish(q, code, results + 1, &e);
	if (conn_idle(c))
		conn_rest(c);
}

static enum err_code start(struct pool_conn *c, struct pool_query *q)
{
	struct pgq_statement st[POOL_MAX_STATEMENTS + AROUND];
	unsigned n = 0;

	st[n++] = (struct pgq_statement){ .name = q->writes ? "tx_begin_write" : "tx_begin_read" };
	for (int i = 0; i < q->nstatements; i++) {
		const struct pool_statement *s = &q->statements[i];

		st[n++] = (struct pgq_statement){ .name = s->name, .nparams = s->nparams, .params = s->params };
	}
	st[n++] = (struct pgq_statement){ .name = "tx_commit" };
	c->unit.done = on_answered;
	if (pgq_submit(&c->q, &c->unit, st, n))
		return ERR_STORE;
	c->query = q;
	c->verdict = ERR_OK;
	c->give_up_us = never;
	q->conn = c;
	return ERR_OK;
}

/* A connection that is free, the one used last: the others may grow idle and be closed. */
static struct pool_conn *pick_idle(struct pool *p)
{
	struct pool_conn *best = NULL;

	for (unsigned i = 0; i < p->max_conns; i++) {
		struct pool_conn *c = &p->conns[i];

		if (conn_idle(c) && (!best || c->idle_since_us > best->idle_since_us))
			best = c;
	}
	return best;
}

/* As many as there are queries waiting, one at a time while PostgreSQL is away. */
static void open_more(struct pool *p)
{
	unsigned opening = count_state(p, PGQ_CONNECTING, PGQ_PREPARING);

	for (unsigned i = 0; i < p->max_conns && opening < p->nwaiting && !p->away; i++) {
		if (p->conns[i].q.state != PGQ_CLOSED)
			continue;
		pgq_open(&p->conns[i].q);
		opening++;
	}
}

/* Gives waiting queries to free connections. Runs no done(). */
static void dispatch(struct pool *p)
{
	struct pool_conn *c;
	struct pool_query *q;

	while (p->head && p->head->conn != &gone && !p->destroying && (c = pick_idle(p))) {
		q = p->head;
		if (start(c, q))
			break; /* the connection breaks on the loop's next turn, and we are told then */
		pop_waiting(p);
	}
	if (!p->head || p->destroying)
		return;
	open_more(p);
	if (count_state(p, PGQ_READY, PGQ_READY))
		p->waiting_since_us = never;
	else if (p->waiting_since_us == never)
		p->waiting_since_us = clock_mono_us();
	if (p->away)
		wake_at(p, 0);
	else if (p->waiting_since_us != never)
		wake_at(p, p->waiting_since_us + CONNECT_PATIENCE_US);
}

/* Nothing can be asked now: say so, and let one connection look for PostgreSQL's return; it is being
 * opened, or was just closed and its pgq is about to ask whether to open it again. */
static void go_away(struct pool *p, struct pool_conn *looks)
{
	bool looking = false;

	p->away = true;
	p->waiting_since_us = never;
	for (unsigned i = 0; i < p->max_conns; i++)
		looking |= p->conns[i].q.keep;
	if (!looking)
		looks->q.keep = true;
	sweep_waiting(p, over_away);
}

/* No connection came about in time: one of those under way goes on looking. */
static void lose_patience(struct pool *p)
{
	struct pool_conn *looks = p->conns;

	for (unsigned i = 0; i < p->max_conns; i++)
		if (p->conns[i].q.state != PGQ_CLOSED)
			looks = &p->conns[i];
	go_away(p, looks);
	pgq_open(&looks->q);
}

static void on_change(struct pgq *q)
{
	struct pool_conn *c = q->ctx;
	struct pool *p = c->pool;
	bool was_ready = c->was_ready;

	if (p->destroying)
		return;
	c->was_ready = q->state == PGQ_READY;
	if (q->state == PGQ_READY) {
		p->away = false;
		p->waiting_since_us = never;
		q->keep = false;
		conn_rest(c);
		return;
	}
	if (c->cancel) {
		c->cancel->owner = NULL;
		c->cancel = NULL;
	}
	if (!was_ready && !count_state(p, PGQ_READY, PGQ_READY))
		go_away(p, c);
	else
		dispatch(p);
}

/* What is due on one connection. Returns when to look again. */
static uint64_t look(struct pool_conn *c, uint64_t now)
{
	uint64_t idle_us = c->pool->conf->db_conn_max_idle_time_sec * UINT64_C(1000000), until;

	if (c->query && !c->verdict && now >= c->query->deadline_us)
		cancel_running(c, ERR_DEADLINE);
	if (c->query && c->verdict && now >= c->give_up_us) {
		struct pool_query *q = c->query;
		enum err_code why = c->verdict;

		c->query = NULL;
		c->verdict = ERR_OK;
		log_warn("pg.pool", "a connection did not come back from a cancel");
		breaker_failed(c->q.breaker);
		conn_close(c);
		finish(q, why, NULL, NULL);
		return never;
	}
	if (c->query)
		return c->verdict ? c->give_up_us : c->query->deadline_us;
	if (!conn_idle(c))
		return never;
	until = c->idle_since_us + idle_us < c->q.expires_us ? c->idle_since_us + idle_us : c->q.expires_us;
	if (now < until)
		return until;
	conn_close(c);
	return never;
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct pool *p = t->data;
	uint64_t now = clock_mono_us();

	(void)ev;
	(void)revents;
	p->loop->changed = true; /* the timer ended by itself */
	p->armed_us = never;
	for (unsigned i = 0; i < p->max_conns; i++)
		wake_at(p, look(&p->conns[i], now));
	if (p->waiting_since_us != never && now >= p->waiting_since_us + CONNECT_PATIENCE_US)
		lose_patience(p);
	else
		sweep_waiting(p, p->away || !breaker_allows(p->breaker) ? over_away : over_by_itself);
	for (const struct pool_query *q = p->head; q; q = q->next)
		wake_at(p, q->deadline_us);
	dispatch(p);
}

/* Who waits hears on the loop's next turn: this may run inside of anything. */
static void on_breaker(struct breaker_member *m)
{
	struct pool *p = (struct pool *)((char *)m - offsetof(struct pool, member));

	if (breaker_allows(p->breaker))
		p->away = false;
	wake_at(p, 0);
}

enum err_code pool_create(struct pool **out, const struct conf *c, struct loop *l, struct offload *o,
			  struct breaker *b, unsigned max_conns, unsigned max_idle, unsigned max_waiting,
			  struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p) + max_conns * sizeof(*p->conns));

	assert(max_conns);
	if (!p)
		return err_set(e, ERR_QUOTA, "pool: no memory for %u connections", max_conns);
	*p = (struct pool){ .conf = c, .loop = l, .offload = o, .breaker = b, .max_conns = max_conns, .max_idle = max_idle,
			    .max_waiting = max_waiting, .waiting_since_us = never, .armed_us = never };
	p->tail = &p->head;
	p->waiting = metric_get(M_QUERIES_WAITING, "", "");
	for (unsigned i = 0; i < max_conns; i++) {
		pgq_init(&p->conns[i].q, c, l, o, SQL_QUESTION, b);
		p->conns[i].q.ctx = &p->conns[i];
		p->conns[i].q.on_change = on_change;
		p->conns[i].pool = p;
		p->conns[i].give_up_us = never;
	}
	ev_init(&p->timer, on_timer);
	p->timer.data = p;
	p->member.changed = on_breaker;
	breaker_join(b, &p->member);
	*out = p;
	return ERR_OK;
}

struct pool *pool_destroy(struct pool *p)
{
	if (!p)
		return NULL;
	p->destroying = true;
	breaker_leave(p->breaker, &p->member);
	loop_timer_stop(p->loop, &p->timer);
	for (unsigned i = 0; i < p->max_conns; i++) {
		struct pool_conn *c = &p->conns[i];

		c->verdict = ERR_CANCELLED;
		if (c->cancel)
			c->cancel->owner = NULL;
		c->cancel = NULL;
		pgq_reset(&c->q);
	}
	sweep_waiting(p, over_all);
	free(p);
	return NULL;
}

enum err_code pool_run(struct pool *p, struct pool_query *q, struct err *e)
{
	unsigned unopened;

	assert(q->nstatements >= 0 && q->nstatements <= POOL_MAX_STATEMENTS);
	if (p->destroying)
		return err_set(e, ERR_STORE, "pool: closing");
	if (!breaker_allows(p->breaker))
		return err_set(e, ERR_STORE, "PostgreSQL is away");
	unopened = p->max_conns - count_state(p, PGQ_READY, PGQ_READY);
	if (p->nwaiting >= p->max_waiting + unopened && !pick_idle(p))
		return err_set(e, ERR_QUOTA, "pool: %u queries are waiting", p->nwaiting);
	q->conn = NULL;
	push_waiting(p, q);
	wake_at(p, q->deadline_us);
	dispatch(p);
	return ERR_OK;
}

void pool_cancel(struct pool *p, struct pool_query *q)
{
	struct pool_conn *c = q->conn;

	if (q->conn == &gone)
		return;
	if (c) {
		cancel_running(c, ERR_CANCELLED);
		c->verdict = ERR_CANCELLED; /* also when its deadline had come first */
		return;
	}
	q->conn = &gone;
	wake_at(p, 0);
}
