#include "storage/event_work.h"

#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/pg/sqlstate.h"
#include "storage/pg/types.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	MAX_RETRIES = 5,
	MAX_REMADE = 2,
	PARAMS_KEEP_BYTES = 512 << 10, /* what 500 rows need; more is libpq's in a moment */
	CAREFUL_BATCHES = 32, /* redeliveries come in runs */
};

static const double retry_first_s = 0.005;

bool work_free(const struct work *w)
{
	return !w->events && !w->letters;
}

unsigned works_of(const struct connection *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WORKS_PER_CONNECTION; i++)
		n += !work_free(&c->works[i]);
	return n;
}

/* Months */

static bool month_known(const struct event_store *s, int32_t month)
{
	for (unsigned i = 0; i < s->nmonths; i++)
		if (s->months[i] == month)
			return true;
	return false;
}

static void month_learn(struct event_store *s, int32_t month)
{
	if (month_known(s, month))
		return;
	if (s->nmonths == MAX_MONTHS)
		s->nmonths = 0; /* making them again does no harm */
	s->months[s->nmonths++] = month;
}

/* The first month of a waiting row that is not known to have its partition. */
static bool month_missing(const struct work *w, int32_t *month)
{
	const struct event_batch *b = w->events;
	const struct event_store *s = w->conn->store;
	int32_t last = INT32_MIN;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct batch_entry *e = &b->entries[i];

		if (e->verdict != ROW_PENDING || e->month == last)
			continue;
		last = e->month;
		if (!month_known(s, last)) {
			*month = last;
			return true;
		}
	}
	return false;
}

/* What is sent */

static enum err_code submit(struct work *w, void (*done)(struct pgq_unit *), const char *name,
			    const char *param, size_t bytes, bool in_binary)
{
	const int length = (int)bytes, format = in_binary;
	const struct pgq_statement st = { .name = name, .nparams = 1, .params = &param, .lengths = &length,
					  .formats = &format, .result_format = 1 };

	w->unit.done = done;
	return pgq_submit(&w->conn->q, &w->unit, &st, 1);
}

static void shrink_params(struct event_store *s)
{
	if (s->params.cap > PARAMS_KEEP_BYTES)
		buf_reset(&s->params);
}

/* The same with what is in s->params. */
static enum err_code submit_params(struct work *w, void (*done)(struct pgq_unit *), const char *name)
{
	struct buf *p = &w->conn->store->params;
	enum err_code c = p->failed ? ERR_QUOTA : submit(w, done, name, p->p, p->n, true);

	shrink_params(w->conn->store);
	return c;
}

/* Starts an array of n elements behind what is in s->params. */
static void add_array(struct event_store *s, uint32_t oid, uint32_t n)
{
	char *at;

	if ((at = buf_reserve(&s->params, PG_ARRAY_HEAD_BYTES)))
		pg_put_array_head(at, oid, n);
}

static void on_month(struct pgq_unit *u);
static void on_stored(struct pgq_unit *u);
static void on_digests(struct pgq_unit *u);
static void on_letters(struct pgq_unit *u);

static enum err_code send_month(struct work *w, int32_t month)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%04d-%02d-01 00:00:00+00", month / 12, month % 12 + 1);

	w->month = month;
	return submit(w, on_month, "ingest_month", text, (size_t)n, false);
}

static uint32_t count_verdict(const struct event_batch *b, struct range r, enum row_verdict v)
{
	uint32_t n = 0;

	for (uint32_t i = r.from; i < r.from + r.n; i++)
		n += b->entries[i].verdict == v;
	return n;
}

/* Most batches hold nothing that was stored before, and are stored on that guess: it spares a sixth of the
 * database's work. After a wrong guess (the redeliveries that the cache does not know) care is taken for a while. */
static enum err_code send_range(struct work *w, struct range r, uint32_t rows)
{
	enum { ENTITY_ARRAYS = 3, PARAMS }; /* the rows are the last */
	static const int binary[PARAMS] = { 1, 1, 1, 1 };
	struct event_batch *b = w->events;
	struct event_store *s = w->conn->store;
	const char *params[PARAMS];
	int lengths[PARAMS];
	size_t ends[PARAMS] = { 0 };
	struct pgq_statement st = { .name = w->careful ? "ingest_events" : "ingest_fresh", .nparams = PARAMS, .params = params,
				    .lengths = lengths, .formats = binary, .result_format = 1 };
	enum err_code c = ERR_QUOTA;

	buf_clear(&s->params);
	work_put_entities(s, b, r, ends);
	add_array(s, w->conn->q.event_row_oid, rows);
	for (uint32_t i = r.from; i < r.from + r.n; i++)
		if (b->entries[i].verdict == ROW_PENDING)
			buf_put(&s->params, b->rows.p + b->entries[i].at, b->entries[i].len);
	ends[ENTITY_ARRAYS] = s->params.n;
	for (unsigned i = 0; i < PARAMS && !s->params.failed; i++) {
		size_t from = i ? ends[i - 1] : 0;

		params[i] = s->params.p + from;
		lengths[i] = (int)(ends[i] - from);
	}
	w->unit.done = on_stored;
	if (!s->params.failed)
		c = pgq_submit(&w->conn->q, &w->unit, &st, 1);
	shrink_params(s);
	return c;
}

/* Nothing else is being stored. */
static bool is_alone(const struct work *w)
{
	const struct event_store *s = w->conn->store;
	unsigned n = 0;

	for (unsigned i = 0; i < s->nconns; i++)
		n += works_of(&s->conns[i]);
	return n == 1;
}

/* The same for a single row, whose attributes are the parameters: its batch and arrays would be most of the work. */
static enum err_code send_one(struct work *w, const struct batch_entry *e)
{
	struct slice row[EVENT_ATTRIBUTES];
	const char *params[EVENT_ATTRIBUTES];
	int lengths[EVENT_ATTRIBUTES], binary[EVENT_ATTRIBUTES];
	const struct pgq_statement st = { .name = "ingest_one", .nparams = EVENT_ATTRIBUTES, .params = params,
					  .lengths = lengths, .formats = binary, .result_format = 1 };

	event_batch_attributes(w->events, e, row);
	if (!w->conn->store->tracking)
		row[EVENT_ENTITY_ATTRIBUTE] = (struct slice){ 0 };
	for (unsigned i = 0; i < EVENT_ATTRIBUTES; i++) {
		params[i] = row[i].p;
		lengths[i] = (int)row[i].n;
		binary[i] = 1;
	}
	w->unit.done = on_stored;
	if (pgq_submit(&w->conn->q, &w->unit, &st, 1))
		return ERR_STORE;
	if (is_alone(w))
		pgq_expect(&w->conn->q);
	return ERR_OK;
}

static enum err_code send_digests(struct work *w, uint32_t keys)
{
	const struct event_batch *b = w->events;
	struct event_store *s = w->conn->store;
	char *at;

	buf_clear(&s->params);
	add_array(s, PG_OID_UUID, keys);
	for (uint32_t i = 0; i < b->n; i++)
		if (b->entries[i].verdict == ROW_DUPLICATE && (at = buf_reserve(&s->params, PG_UUID_BYTES)))
			pg_put_uuid(at, b->entries[i].key.b);
	return submit_params(w, on_digests, "ingest_digests");
}

static enum err_code send_letters(struct work *w)
{
	struct event_store *s = w->conn->store;

	buf_clear(&s->params);
	add_array(s, w->conn->q.letter_row_oid, w->letters->n);
	buf_put(&s->params, w->letters->rows.p, w->letters->rows.n);
	return submit_params(w, on_letters, "letter_put");
}

/* A batch's way */

/* w is free again before done() runs, so that done() may put the next batch. */
void work_finish(struct work *w, enum err_code c)
{
	struct connection *conn = w->conn;
	struct event_batch *events = w->events;
	struct letter_batch *letters = w->letters;

	loop_timer_stop(conn->store->loop, &w->timer);
	w->events = NULL;
	w->letters = NULL;
	if (events)
		events->done(events, c);
	else
		letters->done(letters, c);
	if (conn->retiring && !works_of(conn))
		pgq_close(&conn->q);
}

/* Sends what comes next. *over: nothing was left to send. */
static enum err_code send_next(struct work *w, bool *over)
{
	const struct event_batch *b = w->events;
	int32_t month;
	uint32_t n;

	if (!b)
		return send_letters(w);
	if (w->nranges && month_missing(w, &month))
		return send_month(w, month);
	for (; w->nranges; w->nranges--) {
		struct range r = w->ranges[w->nranges - 1];

		if ((n = count_verdict(b, r, ROW_PENDING)))
			return b->n == 1 && !w->careful ? send_one(w, b->entries) : send_range(w, r, n);
	}
	if ((n = count_verdict(b, (struct range){ 0, b->n }, ROW_DUPLICATE)))
		return send_digests(w, n);
	*over = true;
	return ERR_OK;
}

static void go_on(struct work *w)
{
	bool over = false;
	enum err_code c = send_next(w, &over);

	if (c || over)
		work_finish(w, c ? ERR_STORE : ERR_OK);
}

static void on_retry(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct work *w = t->data;

	(void)ev;
	(void)revents;
	w->conn->store->loop->changed = true; /* the timer ended by itself */
	go_on(w);
}

/* What every unit's end has in common. True when it went well or its values were refused: the caller
 * goes on; otherwise the batch waits for another try or is over. */
static bool settled(struct work *w)
{
	switch (w->unit.code) {
	case ERR_OK:
		w->retries = 0;
		return true;
	case ERR_DATA:
		return true;
	case ERR_RETRY:
		if (w->retries++ < MAX_RETRIES && !w->conn->store->destroying) {
			double chance = (double)random() / (double)RAND_MAX;

			loop_timer(w->conn->store->loop, &w->timer,
				   retry_first_s * (1 << w->retries) * (0.5 + chance), 0);
			return false;
		}
		break;
	default:
		break;
	}
	work_finish(w, ERR_STORE);
	return false;
}

static struct work *work_of(struct pgq_unit *u)
{
	return (struct work *)((char *)u - offsetof(struct work, unit));
}

static void on_month(struct pgq_unit *u)
{
	struct work *w = work_of(u);
	struct event_batch *b = w->events;

	if (!settled(w))
		return;
	if (u->code == ERR_OK)
		month_learn(w->conn->store, w->month);
	else /* no such month in PostgreSQL's calendar */
		for (uint32_t i = 0; i < b->n; i++)
			if (b->entries[i].month == w->month && b->entries[i].verdict == ROW_PENDING)
				b->entries[i].verdict = ROW_POISON;
	go_on(w);
}

static uint64_t head_of(const struct batch_entry *e)
{
	uint64_t h;

	memcpy(&h, e->key.b, sizeof(h));
	return __builtin_bswap64(h); /* as memcmp sees it */
}

int entry_order(const void *a, const void *b)
{
	uint64_t x = head_of(a), y = head_of(b);

	if (x != y)
		return x < y ? -1 : 1;
	return memcmp(((const struct batch_entry *)a)->key.b, ((const struct batch_entry *)b)->key.b,
		      sizeof(struct event_key));
}

static struct batch_entry *entry_of(const struct event_batch *b, const char *key)
{
	struct batch_entry like;

	memcpy(like.key.b, key, sizeof(like.key.b));
	return bsearch(&like, b->entries, b->n, sizeof(*b->entries), entry_order);
}

/* A row of the range at hand was refused: search the halves, the lower one first. */
static void bisect(struct work *w)
{
	struct range r = w->ranges[--w->nranges];
	struct event_batch *b = w->events;

	if (count_verdict(b, r, ROW_PENDING) == 1) {
		for (uint32_t i = r.from; i < r.from + r.n; i++)
			if (b->entries[i].verdict == ROW_PENDING)
				b->entries[i].verdict = ROW_POISON;
		log_warn("event_store", "a row was refused: SQLSTATE %s", w->unit.state);
		return;
	}
	assert(w->nranges + 2 <= MAX_RANGES);
	w->ranges[w->nranges++] = (struct range){ r.from + r.n / 2, r.n - r.n / 2 };
	w->ranges[w->nranges++] = (struct range){ r.from, r.n / 2 };
}

static void on_stored(struct pgq_unit *u)
{
	struct work *w = work_of(u);
	struct event_batch *b = w->events;
	const PGresult *r = u->results[0];
	struct range at;

	if (!settled(w))
		return;
	if (u->code == ERR_OK) {
		at = w->ranges[--w->nranges];
		for (uint32_t i = at.from; i < at.from + at.n; i++)
			if (b->entries[i].verdict == ROW_PENDING)
				b->entries[i].verdict = ROW_STORED;
		for (int i = 0; i < PQntuples(r); i++) {
			if (*PQgetvalue(r, i, 1)) /* it came late */
				metric_add(w->conn->store->out_of_order, 1);
			else /* or a conflict: see on_digests */
				entry_of(b, PQgetvalue(r, i, 0))->verdict = ROW_DUPLICATE;
		}
		w->remade = 0;
	} else if (sqlstate_is_taken(r) && !w->careful) {
		w->careful = true;
		w->conn->store->careful = CAREFUL_BATCHES;
	} else if (sqlstate_is_no_partition(r) && w->remade < MAX_REMADE) {
		w->remade++;
		w->conn->store->nmonths = 0; /* one was taken away; which, PostgreSQL does not say */
	} else {
		bisect(w);
	}
	go_on(w);
}

static void on_digests(struct pgq_unit *u)
{
	struct work *w = work_of(u);
	const PGresult *r = u->results[0];

	if (!settled(w))
		return;
	for (int i = 0; u->code == ERR_OK && i < PQntuples(r); i++) {
		struct batch_entry *e = entry_of(w->events, PQgetvalue(r, i, 0));
		const char *digest = PQgetvalue(r, i, 1);

		/* Digests of another version cannot be compared: the identity decides alone. */
		if ((uint8_t)digest[0] == e->digest[0] && memcmp(digest, e->digest, sizeof(e->digest)) != 0)
			e->verdict = ROW_CONFLICT;
	}
	work_finish(w, u->code == ERR_OK ? ERR_OK : ERR_STORE);
}

static void on_letters(struct pgq_unit *u)
{
	struct work *w = work_of(u);

	if (settled(w))
		work_finish(w, u->code);
}

void work_init(struct work *w, struct connection *c)
{
	w->conn = c;
	ev_init(&w->timer, on_retry);
	w->timer.data = w;
}

enum err_code work_start(struct work *w)
{
	bool over = false;
	enum err_code c;

	w->retries = w->remade = 0;
	w->careful = w->conn->store->careful > 0;
	w->conn->store->careful -= w->careful;
	c = send_next(w, &over);
	assert(!over);
	if (c) {
		w->events = NULL;
		w->letters = NULL;
	}
	return c;
}
