#include "storage/pg/pgq.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/pg/connect.h"
#include "storage/pg/sqlstate.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	EXPECT_US = 1000,         /* a commit on a fast disk takes less */
	SILENCE_MARGIN_MS = 2000, /* the server ends a statement itself after the statement timeout */
	PATIENT_FAILURES = 8,     /* some ten seconds: a migrator may be at work */
	EMPTY_ANSWERS = 8,        /* libpq separates statements by one NULL; so many in a row are a fault */
};

static const double look_s = 0.5;

/* Runs on a helper thread; owner is read and written on the reactor only. */
struct connect_task {
	struct offload_task task;
	struct pgq *owner;        /* NULL: nobody waits for it any more */
	const struct conf *conf;
	enum sql_class class;
	PGconn *pg;
};

static void on_io(struct ev_loop *ev, ev_io *io, int revents);
static void on_awaited(struct loop_await *a);
static void on_timer(struct ev_loop *ev, ev_timer *t, int revents);

static const char *const counted_as[PGQ_STATES] = {
	[PGQ_CONNECTING] = "connecting", [PGQ_PREPARING] = "connecting", [PGQ_READY] = "ready",
};

static void count_as(struct pgq *q, const char *as)
{
	if (q->counted == as)
		return;
	if (q->counted)
		metric_add(metric_get(M_DB_CONNS, q->counted, ""), -1);
	if (as)
		metric_add(metric_get(M_DB_CONNS, as, ""), 1);
	q->counted = as;
}

static void count_busy(struct pgq *q)
{
	bool busy = q->state == PGQ_READY && q->head;

	if (busy != q->busy)
		metric_add(metric_get(M_DB_BUSY, "", ""), busy ? 1 : -1);
	q->busy = busy;
}

/* The only writer of q->state. */
static void enter(struct pgq *q, enum pgq_state to)
{
	static const unsigned from[PGQ_STATES] = {
		[PGQ_CLOSED] = 1u << PGQ_CONNECTING | 1u << PGQ_PREPARING | 1u << PGQ_READY,
		[PGQ_CONNECTING] = 1u << PGQ_CLOSED,
		[PGQ_PREPARING] = 1u << PGQ_CONNECTING,
		[PGQ_READY] = 1u << PGQ_PREPARING,
	};

	assert(from[to] & 1u << q->state);
	q->state = to;
	if (to == PGQ_CLOSED || to == PGQ_CONNECTING)
		loop_timer_stop(q->loop, &q->timer);
	else
		loop_timer(q->loop, &q->timer, look_s, look_s);
	count_as(q, counted_as[to]);
}

double pgq_backoff_s(unsigned failures)
{
	const double first_s = 0.1, last_s = 5;
	double s = first_s;

	while (failures-- > 1 && s < last_s)
		s *= 2;
	if (s > last_s)
		s = last_s;
	return s * (0.5 + 0.5 * (double)random() / (double)RAND_MAX);
}

/* What is kept and waits for its next attempt need not wait any longer. */
static void on_breaker(struct breaker_member *m)
{
	struct pgq *q = (struct pgq *)((char *)m - offsetof(struct pgq, member));

	if (q->keep)
		pgq_open(q);
}

void pgq_init(struct pgq *q, const struct conf *c, struct loop *l, struct offload *o, enum sql_class k,
	      struct breaker *b)
{
	*q = (struct pgq){ .conf = c, .loop = l, .offload = o, .class = k, .breaker = b };
	q->tail = &q->head;
	q->member.changed = on_breaker;
	breaker_join(b, &q->member);
	ev_init(&q->io, on_io);
	ev_init(&q->timer, on_timer);
	q->io.data = q->timer.data = q;
	q->await.over = on_awaited;
	q->gate = -1;
}

bool pgq_idle(const struct pgq *q)
{
	return q->state == PGQ_READY && !q->head && !q->broken;
}

bool pgq_expired(const struct pgq *q)
{
	return q->state == PGQ_READY && clock_mono_us() >= q->expires_us;
}

/* u may be gone afterwards. */
static void finish_unit(struct pgq_unit *u, enum err_code c)
{
	PGresult *results[PGQ_MAX_STATEMENTS];

	if (c)
		u->code = u->code ? u->code : c;
	memcpy(results, u->results, sizeof(results));
	/* done() may free u or send it again, so its results are remembered here. */
	u->done(u);
	for (unsigned i = 0; i < PGQ_MAX_STATEMENTS; i++)
		PQclear(results[i]);
}

static void abandon_task(struct pgq *q)
{
	struct connect_task *t = q->task;

	if (!t)
		return;
	q->task = NULL;
	t->owner = NULL;
	if (offload_withdraw(q->offload, &t->task))
		free(t);
}

static bool gate_set(struct pgq *q, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	if (q->gate_events == events)
		return true;
	if (epoll_ctl(q->gate, EPOLL_CTL_MOD, PQsocket(q->pg), &ev))
		return false;
	q->gate_events = events;
	return true;
}

static bool gate_open(struct pgq *q)
{
	struct epoll_event ev = { .events = EPOLLIN };

	q->gate = epoll_create1(EPOLL_CLOEXEC);
	if (q->gate < 0 || epoll_ctl(q->gate, EPOLL_CTL_ADD, PQsocket(q->pg), &ev))
		return false;
	q->gate_events = EPOLLIN;
	loop_io(q->loop, &q->io, q->gate, EV_READ);
	return true;
}

static void gate_close(struct pgq *q)
{
	if (q->loop->await == &q->await)
		q->loop->await = NULL;
	if (q->gate < 0)
		return;
	loop_io(q->loop, &q->io, q->gate, 0); /* before its descriptor can be another's */
	close(q->gate);
	q->gate = -1;
}

/* Connection lost or given up: every unit under way hears of it, then the owner. */
static void close_now(struct pgq *q)
{
	struct pgq_unit *u = q->head, *next;

	if (q->state == PGQ_CLOSED)
		return;
	abandon_task(q);
	gate_close(q);
	enter(q, PGQ_CLOSED);
	q->generation++;
	q->broken = false;
	PQfinish(q->pg);
	q->pg = NULL;
	q->head = NULL; /* detached first: done() may submit elsewhere, or open q again */
	q->tail = &q->head;
	count_busy(q);
	for (; u; u = next) {
		next = u->next;
		finish_unit(u, ERR_STORE);
	}
}

void pgq_close(struct pgq *q)
{
	bool was_open = q->state != PGQ_CLOSED;

	close_now(q);
	if (!was_open || q->state != PGQ_CLOSED)
		return;
	if (q->on_change)
		q->on_change(q);
	if (q->keep && q->state == PGQ_CLOSED) {
		count_as(q, "waiting");
		loop_timer(q->loop, &q->timer, pgq_backoff_s(q->failures), 0);
	}
}

void pgq_reset(struct pgq *q)
{
	q->keep = false;
	q->on_change = NULL;
	pgq_close(q);
	loop_timer_stop(q->loop, &q->timer);
	count_as(q, NULL);
	breaker_leave(q->breaker, &q->member);
}

static void fail(struct pgq *q, const char *what)
{
	char reason[160];

	pg_reason(q->pg, reason, sizeof(reason));
	log_warn("pg.pgq", "connection closed: %s: %s", what, reason);
	q->failures++;
	if (q->state != PGQ_READY)
		breaker_cannot_connect(q->breaker);
	else if (q->head) /* one failure, however many units it takes with it */
		breaker_failed(q->breaker);
	pgq_close(q);
}

/* Asks for writability only while something is left to write. */
static bool flush(struct pgq *q)
{
	int left = PQflush(q->pg);

	return left >= 0 && gate_set(q, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void pgq_expect(struct pgq *q)
{
	if (q->state != PGQ_READY || q->broken || !q->head || !q->loop->awaits || q->loop->await ||
	    q->gate_events != EPOLLIN || !gate_set(q, 0))
		return;
	q->await.fd = PQsocket(q->pg);
	q->await.until_us = clock_mono_us() + EXPECT_US;
	q->loop->await = &q->await;
}

static void queue(struct pgq *q, struct pgq_unit *u, unsigned expected)
{
	u->next = NULL;
	u->expected = expected;
	u->seen = u->failed = 0;
	u->code = ERR_OK;
	u->state[0] = '\0';
	memset(u->results, 0, sizeof(u->results));
	if (!q->head)
		q->heard_us = clock_mono_us();
	*q->tail = u;
	q->tail = &u->next;
	count_busy(q);
}

/* To be closed, but not from here: the caller's units may not hear before it returns. */
static void break_later(struct pgq *q)
{
	q->broken = true;
	loop_timer(q->loop, &q->timer, 0, look_s);
}

enum err_code pgq_submit(struct pgq *q, struct pgq_unit *u, const struct pgq_statement *statements, unsigned n)
{
	bool sent = true;

	assert(n && n <= PGQ_MAX_STATEMENTS);
	if (q->state != PGQ_READY || q->broken)
		return ERR_STORE;
	for (unsigned i = 0; i < n && sent; i++) {
		const struct pgq_statement *s = &statements[i];

		sent = PQsendQueryPrepared(q->pg, s->name, s->nparams, s->params, s->lengths, s->formats,
					   s->result_format);
	}
	if (!sent || !PQpipelineSync(q->pg)) {
		break_later(q);
		return ERR_STORE;
	}
	queue(q, u, n);
	if (!flush(q))
		break_later(q);
	return ERR_OK;
}

/* Run once on a new connection, before its statements are prepared. NULL: nothing. */
static const char *opening(enum sql_class k)
{
	return k == SQL_INGEST ? "ingest_types" : k == SQL_PROJECT ? "project_open" : NULL;
}

/* Of the unit that send_prepares sends: its i-th statement's name. */
static const char *prepared_name(const struct pgq *q, unsigned i)
{
	const struct sql_statement *s = sql_statements;

	if (opening(q->class) && i-- == 0)
		return opening(q->class);
	while (s->name && (sql_class_of(s->name) != q->class || i-- > 0))
		s++;
	return s->name ? s->name : "Sync";
}

static void cannot_prepare(struct pgq *q, const struct pgq_unit *u)
{
	const char *name = prepared_name(q, u->failed);

	q->failures++;
	if (sqlstate_is_no_schema(u->state) && q->failures < PATIENT_FAILURES)
		log_info("pg.pgq", "the schema is not there yet (%s: SQLSTATE %s)", name, u->state);
	else
		log_error("pg.pgq", "%s cannot be prepared: SQLSTATE %s", name, u->state);
	if (sqlstate_is_away(u->state))
		breaker_cannot_connect(q->breaker);
	pgq_close(q);
}

static void prepared(struct pgq_unit *u)
{
	struct pgq *q = (struct pgq *)((char *)u - offsetof(struct pgq, prepare));
	const PGresult *types = u->results[0];

	if (u->code) {
		if (q->state != PGQ_CLOSED)
			cannot_prepare(q, u);
		return;
	}
	if (q->class == SQL_INGEST) {
		q->event_row_oid = (uint32_t)strtoul(PQgetvalue(types, 0, 0), NULL, 10);
		q->letter_row_oid = (uint32_t)strtoul(PQgetvalue(types, 0, 1), NULL, 10);
	}
	q->failures = 0;
	breaker_connected(q->breaker);
	enter(q, PGQ_READY);
	if (q->on_change)
		q->on_change(q);
}

static bool send_prepares(struct pgq *q, unsigned *n)
{
	if (opening(q->class)) {
		if (!PQsendQueryParams(q->pg, sql_text(opening(q->class)), 0, NULL, NULL, NULL, NULL, 0))
			return false;
		++*n;
	}
	for (const struct sql_statement *s = sql_statements; s->name; s++) {
		if (sql_class_of(s->name) != q->class)
			continue;
		if (!PQsendPrepare(q->pg, s->name, s->text, 0, NULL))
			return false;
		++*n;
	}
	return PQpipelineSync(q->pg) == 1;
}

static void on_connected(struct pgq *q, PGconn *pg)
{
	double lifetime_us = q->conf->db_conn_max_lifetime_sec * 1e6;
	unsigned n = 0;

	q->pg = pg;
	if (!pg || PQstatus(pg) != CONNECTION_OK) {
		fail(q, "cannot connect");
		return;
	}
	enter(q, PGQ_PREPARING);
	/* The last tenth by chance, so that connections made together are not replaced together. */
	lifetime_us *= 1 - 0.1 * (double)random() / (double)RAND_MAX;
	q->expires_us = clock_mono_us() + (uint64_t)lifetime_us;
	if (PQsetnonblocking(pg, 1) || !PQenterPipelineMode(pg) || !send_prepares(q, &n)) {
		fail(q, "cannot prepare");
		return;
	}
	q->prepare.done = prepared;
	queue(q, &q->prepare, n);
	if (!gate_open(q) || !flush(q))
		fail(q, "cannot prepare");
}

static void connect_run(struct offload_task *task)
{
	struct connect_task *t = (struct connect_task *)task;

	t->pg = pg_connect(t->conf, t->class);
}

static void connect_done(struct offload_task *task)
{
	struct connect_task *t = (struct connect_task *)task;
	struct pgq *q = t->owner;
	PGconn *pg = t->pg;

	free(t);
	if (!q) {
		PQfinish(pg);
		return;
	}
	q->task = NULL;
	on_connected(q, pg);
}

void pgq_open(struct pgq *q)
{
	struct connect_task *t;

	if (q->state != PGQ_CLOSED || !breaker_allows(q->breaker))
		return;
	enter(q, PGQ_CONNECTING);
	t = calloc(1, sizeof(*t));
	if (t) {
		*t = (struct connect_task){ .task = { .run = connect_run, .done = connect_done },
					    .owner = q, .conf = q->conf, .class = q->class };
		if (!offload_submit(q->offload, &t->task)) {
			q->task = t;
			return;
		}
		free(t);
	}
	/* Too busy for now. Neither pgq_open nor its caller's loop may see this one's end: look later. */
	enter(q, PGQ_CLOSED);
	q->failures++;
	loop_timer(q->loop, &q->timer, pgq_backoff_s(q->failures), 0);
}

/* Keeps an answer; the unit ends with its Sync. */
static void on_result(struct pgq *q, struct pgq_unit *u, PGresult *r)
{
	enum err_code c = ERR_OK;
	const char *state;

	switch (PQresultStatus(r)) {
	case PGRES_COMMAND_OK:
		/* COMMIT of a transaction that failed before says so in its tag alone. */
		if (!strcmp(PQcmdStatus(r), "ROLLBACK"))
			c = ERR_STORE;
		break;
	case PGRES_TUPLES_OK:
	case PGRES_PIPELINE_ABORTED: /* by the failure that u->code has */
		break;
	default:
		state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		c = sqlstate_code(state);
		if (!u->code)
			snprintf(u->state, sizeof(u->state), "%s", state ? state : "");
		q->broken |= sqlstate_is_stale(state);
	}
	if (c && !u->code) {
		u->code = c;
		u->failed = u->seen;
	}
	if (u->seen < PGQ_MAX_STATEMENTS)
		u->results[u->seen] = r;
	else
		PQclear(r);
	u->seen++;
}

/* A question may take too long by its own fault, and be cancelled; a batch may not. */
static void judge(struct pgq *q, const struct pgq_unit *u)
{
	bool timeout = q->class == SQL_INGEST && !strcmp(u->state, "57014");

	if (timeout || sqlstate_is_away(u->state))
		breaker_failed(q->breaker);
	else
		breaker_answered(q->breaker);
}

static void on_sync(struct pgq *q)
{
	struct pgq_unit *u = q->head;

	if (!(q->head = u->next))
		q->tail = &q->head;
	count_busy(q);
	if (u != &q->prepare)
		judge(q, u);
	finish_unit(u, u->seen == u->expected ? ERR_OK : ERR_STORE);
}

/* Hands out what has arrived. False when q was closed meanwhile, or has to be. */
static bool drain(struct pgq *q)
{
	uint32_t generation = q->generation;
	unsigned empty = 0;

	while (q->head && !PQisBusy(q->pg)) {
		PGresult *r = PQgetResult(q->pg);

		if (!r) {
			if (++empty <= EMPTY_ANSWERS)
				continue;
			fail(q, "answers out of step");
			return false;
		}
		empty = 0;
		q->heard_us = clock_mono_us();
		if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			on_sync(q);
			if (q->generation != generation)
				return false;
		} else if (q->head->seen < q->head->expected) {
			on_result(q, q->head, r);
		} else {
			PQclear(r);
			fail(q, "answers out of step");
			return false;
		}
	}
	return true;
}

/* However often it spoke, it is one piece of news. */
static void hear(struct pgq *q)
{
	bool heard = false;

	for (PGnotify *n; (n = PQnotifies(q->pg)); PQfreemem(n))
		heard = true;
	if (heard && q->on_notify)
		q->on_notify(q);
}

static void go_on(struct pgq *q)
{
	if (!PQconsumeInput(q->pg)) {
		/* What came before the end is still to be heard, the reason among it. */
		if (drain(q))
			fail(q, "lost");
		return;
	}
	if (!drain(q))
		return;
	hear(q);
	if (q->broken && !q->head)
		fail(q, "its statements no longer fit");
	else if (!flush(q))
		fail(q, "lost");
}

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
	(void)ev;
	(void)revents;
	go_on(io->data);
}

static void on_awaited(struct loop_await *a)
{
	go_on((struct pgq *)((char *)a - offsetof(struct pgq, await)));
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct pgq *q = t->data;
	uint32_t limit_ms = q->patience_ms ? q->patience_ms : q->conf->db_statement_timeout_ms;
	uint64_t limit_us = (limit_ms + (uint64_t)SILENCE_MARGIN_MS) * 1000;

	(void)ev;
	(void)revents;
	if (q->state == PGQ_CLOSED) {
		q->loop->changed = true; /* the timer ended by itself */
		if (!q->keep)
			count_as(q, NULL);
		else
			pgq_open(q);
	} else if (q->broken) {
		fail(q, "cannot send");
	} else if (q->head && clock_mono_us() - q->heard_us > limit_us) {
		fail(q, "the server is silent");
	}
}
