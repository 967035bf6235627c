/* storage/event_store.c -- hands batches to connections, and keeps those open and young. */
#include "storage/event_work.h"

#include "storage/base/metrics.h"

#include <assert.h>
#include <stdlib.h>

enum { PARAMS_LIMIT_BYTES = 1 << 30 }; /* PostgreSQL's own limit for a value */

static const double renew_every_s = 1;

static bool usable(const struct connection *c)
{
	return c->q.state == PGQ_READY && !c->q.broken && !c->retiring && !c->store->destroying &&
	       breaker_allows(c->store->breaker);
}

/* The connection to send on: the one with least under way. */
static enum err_code pick(struct event_store *s, struct work **out)
{
	struct connection *best = NULL;
	bool ready = false;

	for (unsigned i = 0; i < s->nconns; i++) {
		struct connection *c = &s->conns[i];

		if (!usable(c))
			continue;
		ready = true;
		if (works_of(c) < (best ? works_of(best) : WORKS_PER_CONNECTION))
			best = c;
	}
	if (!best)
		return ready ? ERR_QUOTA : ERR_STORE;
	for (*out = best->works; !work_free(*out);)
		++*out;
	return ERR_OK;
}

enum err_code event_store_put(struct event_store *s, struct event_batch *b)
{
	struct work *w;
	enum err_code c = pick(s, &w);

	assert(b->n);
	if (c)
		return c;
	qsort(b->entries, b->n, sizeof(*b->entries), entry_order);
	for (uint32_t i = 0; i < b->n; i++)
		b->entries[i].verdict = ROW_PENDING;
	w->events = b;
	w->ranges[0] = (struct range){ 0, b->n };
	w->nranges = 1;
	return work_start(w);
}

enum err_code event_store_put_letters(struct event_store *s, struct letter_batch *b)
{
	struct work *w;
	enum err_code c = pick(s, &w);

	assert(b->n);
	if (c)
		return c;
	w->letters = b;
	w->nranges = 0;
	return work_start(w);
}

bool event_store_ready(const struct event_store *s)
{
	for (unsigned i = 0; i < s->nconns; i++)
		if (usable(&s->conns[i]))
			return true;
	return false;
}

bool event_store_idle(const struct event_store *s)
{
	for (unsigned i = 0; i < s->nconns; i++)
		if (usable(&s->conns[i]) && !works_of(&s->conns[i]))
			return true;
	return false;
}

bool event_store_has_room(const struct event_store *s)
{
	for (unsigned i = 0; i < s->nconns; i++)
		if (usable(&s->conns[i]) && works_of(&s->conns[i]) < WORKS_PER_CONNECTION)
			return true;
	return false;
}

/* Connections: `wanted` of them are kept; one that has grown old goes when a fresh one is ready. */

static unsigned kept(const struct event_store *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nconns; i++)
		n += s->conns[i].q.keep;
	return n;
}

static void retire(struct connection *c)
{
	c->q.keep = false;
	c->retiring = c->q.state == PGQ_READY;
	if (!works_of(c))
		pgq_close(&c->q);
}

static void on_news(struct pgq *q)
{
	const struct event_store *s = ((struct connection *)q->ctx)->store;

	if (s->told && !s->destroying)
		s->told(s->told_ctx);
}

/* What was said before is to be asked for. One that may not listen (a replica of PostgreSQL) stores nothing
 * either. */
static void on_listening(struct pgq_unit *u)
{
	struct connection *c = (struct connection *)((char *)u - offsetof(struct connection, listen));

	if (!u->code)
		on_news(&c->q);
}

static void listen_to_news(struct connection *c)
{
	static const struct pgq_statement listening = { .name = "ingest_listen" };

	c->listen.done = on_listening;
	if (pgq_submit(&c->q, &c->listen, &listening, 1))
		return; /* it broke, and comes back */
}

void event_store_on_news(struct event_store *s, void (*told)(void *ctx), void *ctx)
{
	s->told = told;
	s->told_ctx = ctx;
}

static void on_change(struct pgq *q)
{
	struct connection *c = q->ctx, *oldest = NULL;
	struct event_store *s = c->store;

	if (q->state != PGQ_READY) {
		c->retiring = false;
		return;
	}
	listen_to_news(c);
	if (kept(s) <= s->wanted)
		return;
	for (unsigned i = 0; i < s->nconns; i++) {
		struct connection *o = &s->conns[i];

		if (o->q.keep && o != c && (!oldest || o->q.expires_us < oldest->q.expires_us))
			oldest = o;
	}
	if (oldest)
		retire(oldest);
}

static void on_renew(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct event_store *s = t->data;
	struct connection *spare = NULL;
	bool expired = false;

	(void)ev;
	(void)revents;
	for (unsigned i = 0; i < s->nconns; i++) {
		struct connection *c = &s->conns[i];

		if (c->q.keep && pgq_expired(&c->q))
			expired = true;
		else if (!c->q.keep && c->q.state == PGQ_CLOSED)
			spare = c;
	}
	if (!expired || !spare || kept(s) > s->wanted)
		return;
	spare->q.keep = true;
	pgq_open(&spare->q);
}

enum err_code event_store_create(struct event_store **out, const struct conf *c, struct loop *l,
				 struct offload *o, struct breaker *b, struct err *e)
{
	unsigned n = c->ingest_conns + 1;
	struct event_store *s = calloc(1, sizeof(*s) + n * sizeof(*s->conns));

	if (!s)
		return err_set(e, ERR_QUOTA, "event store: no memory for %u connections", n);
	s->loop = l;
	s->breaker = b;
	s->tracking = c->sequence_tracking;
	s->out_of_order = metric_get(M_OUT_OF_ORDER, "", "");
	s->wanted = c->ingest_conns;
	s->nconns = n;
	buf_init(&s->params, PARAMS_LIMIT_BYTES);
	for (unsigned i = 0; i < n; i++) {
		struct connection *conn = &s->conns[i];

		conn->store = s;
		pgq_init(&conn->q, c, l, o, SQL_INGEST, b);
		conn->q.ctx = conn;
		conn->q.on_change = on_change;
		conn->q.on_notify = on_news;
		for (unsigned k = 0; k < WORKS_PER_CONNECTION; k++)
			work_init(&conn->works[k], conn);
		conn->q.keep = i < s->wanted;
		if (conn->q.keep)
			pgq_open(&conn->q);
	}
	ev_init(&s->renew, on_renew);
	s->renew.data = s;
	loop_timer(l, &s->renew, renew_every_s, renew_every_s);
	*out = s;
	return ERR_OK;
}

struct event_store *event_store_destroy(struct event_store *s)
{
	if (!s)
		return NULL;
	s->destroying = true;
	loop_timer_stop(s->loop, &s->renew);
	for (unsigned i = 0; i < s->nconns; i++) {
		struct connection *c = &s->conns[i];

		pgq_reset(&c->q); /* units under way end here, */
		for (unsigned k = 0; k < WORKS_PER_CONNECTION; k++)
			if (!work_free(&c->works[k]))
				work_finish(&c->works[k], ERR_STORE); /* those that wait to retry, here */
	}
	buf_reset(&s->params);
	free(s->arrivals);
	free(s);
	return NULL;
}
