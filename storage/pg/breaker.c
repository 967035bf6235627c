#include "storage/pg/breaker.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/pg/pgq.h"

#include <assert.h>
#include <stdlib.h>

struct breaker {
	struct loop *loop;
	unsigned limit;
	uint64_t open_us;
	enum breaker_state state;
	unsigned connects, others;    /* failures in a row */
	uint64_t until_us;            /* OPEN: then the probe */
	ev_timer timer;
	void (*probe)(struct breaker *b);
	struct pgq pgq;               /* the probe's */
	struct breaker_member *members;
};

/* The only writer of b->state. */
static void enter(struct breaker *b, enum breaker_state to)
{
	static const double gauge[BREAKER_STATES] = {
		[BREAKER_CLOSED] = 0, [BREAKER_HALF_OPEN] = 1, [BREAKER_OPEN] = 2,
	};
	static const unsigned from[BREAKER_STATES] = {
		[BREAKER_CLOSED] = 1u << BREAKER_HALF_OPEN,
		[BREAKER_HALF_OPEN] = 1u << BREAKER_OPEN,
		[BREAKER_OPEN] = 1u << BREAKER_CLOSED | 1u << BREAKER_HALF_OPEN,
	};

	assert(from[to] & 1u << b->state);
	b->state = to;
	metric_set(metric_get(M_DB_BREAKER, "", ""), gauge[to]);
}

static void tell(struct breaker *b)
{
	struct breaker_member *next;

	for (struct breaker_member *m = b->members; m; m = next) {
		next = m->next;
		m->changed(m);
	}
}

static void open_up(struct breaker *b)
{
	enter(b, BREAKER_OPEN);
	b->until_us = clock_mono_us() + b->open_us;
	loop_timer(b->loop, &b->timer, (double)b->open_us / 1e6, 0);
}

static void count(struct breaker *b, unsigned *kind)
{
	if (!b || b->state != BREAKER_CLOSED)
		return; /* what is still under way decides nothing any more */
	++*kind;
	if (b->connects + b->others < b->limit)
		return;
	log_error("pg.breaker", "open: %u failures in a row; a probe every %u ms", b->limit,
		  (unsigned)(b->open_us / 1000));
	open_up(b);
	tell(b);
}

void breaker_cannot_connect(struct breaker *b)
{
	count(b, b ? &b->connects : NULL);
}

void breaker_failed(struct breaker *b)
{
	count(b, b ? &b->others : NULL);
}

void breaker_connected(struct breaker *b)
{
	if (b && b->state == BREAKER_CLOSED)
		b->connects = 0;
}

void breaker_answered(struct breaker *b)
{
	if (b && b->state == BREAKER_CLOSED)
		b->connects = b->others = 0;
}

bool breaker_allows(const struct breaker *b)
{
	return !b || b->state == BREAKER_CLOSED;
}

enum breaker_state breaker_state(const struct breaker *b)
{
	return b->state;
}

/* The probe */

void breaker_probed(struct breaker *b, bool there)
{
	if (b->state != BREAKER_HALF_OPEN)
		return;
	if (!there) {
		open_up(b);
		return;
	}
	b->connects = b->others = 0;
	enter(b, BREAKER_CLOSED);
	log_info("pg.breaker", "closed: PostgreSQL is back");
	tell(b);
}

static void on_probe(struct pgq *q)
{
	struct breaker *b = q->ctx;

	breaker_probed(b, q->state == PGQ_READY);
	if (q->state == PGQ_READY)
		pgq_close(q); /* comes here again, when nothing waits for it any more */
}

static void probe_by_connection(struct breaker *b)
{
	pgq_open(&b->pgq);
	if (b->pgq.state == PGQ_CLOSED) /* no helper thread is free */
		breaker_probed(b, false);
}

void breaker_look(struct breaker *b)
{
	if (b->state != BREAKER_OPEN)
		return;
	if (clock_mono_us() < b->until_us) {
		loop_timer(b->loop, &b->timer, (double)(b->until_us - clock_mono_us()) / 1e6, 0);
		return;
	}
	enter(b, BREAKER_HALF_OPEN);
	b->probe(b);
}

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct breaker *b = t->data;

	(void)ev;
	(void)revents;
	b->loop->changed = true; /* the timer ended by itself */
	breaker_look(b);
}

void breaker_probe_with(struct breaker *b, void (*probe)(struct breaker *b))
{
	b->probe = probe;
}

/* Life and members */

void breaker_join(struct breaker *b, struct breaker_member *m)
{
	if (!b)
		return;
	m->next = b->members;
	m->link = &b->members;
	if (m->next)
		m->next->link = &m->next;
	b->members = m;
}

void breaker_leave(struct breaker *b, struct breaker_member *m)
{
	if (!b || !m->link)
		return;
	*m->link = m->next;
	if (m->next)
		m->next->link = m->link;
	m->link = NULL;
}

enum err_code breaker_create(struct breaker **out, const struct conf *c, struct loop *l, struct offload *o,
			     struct err *e)
{
	struct breaker *b = calloc(1, sizeof(*b));

	if (!b)
		return err_set(e, ERR_QUOTA, "no memory for a circuit breaker");
	*b = (struct breaker){ .loop = l, .limit = c->breaker_failures, .open_us = c->breaker_open_ms * UINT64_C(1000),
			       .probe = probe_by_connection };
	ev_init(&b->timer, on_timer);
	b->timer.data = b;
	pgq_init(&b->pgq, c, l, o, SQL_NONE, NULL);
	b->pgq.ctx = b;
	b->pgq.on_change = on_probe;
	metric_set(metric_get(M_DB_BREAKER, "", ""), 0);
	*out = b;
	return ERR_OK;
}

struct breaker *breaker_destroy(struct breaker *b)
{
	if (!b)
		return NULL;
	assert(!b->members);
	pgq_reset(&b->pgq);
	loop_timer_stop(b->loop, &b->timer);
	free(b);
	return NULL;
}
