/* server/ingest/flush.c -- batches by pressure, not by clock: what has gathered is sent at the end of the
 * turn when a connection is idle and it is worth it (gather.h), else when one has room and the batch is full. */
#include "server/ingest/event_table.h"
#include "server/ingest/request.h"
#include "storage/base/clock.h"
#include "storage/base/metrics.h"

#include <stdlib.h>

enum {
	LOAD_BYTES = 8 << 20,
	LETTER_ROWS = 500,
	LETTER_BYTES = 4 << 20,
	KEEP_SPARE = 4,
	SETTLE_AHEAD = 8,
	MOST_CONTENTS = 4,       /* of one identity, waiting one behind the other */
};

static const struct rejection conflict = {
	.code = REJECT_ID_CONFLICT,
	.message = "this identity was stored before with other content",
};
static const struct rejection poison = {
	.code = REJECT_INVALID_FIELD,
	.field = "data",
	.message = "a value in this event is outside of what the database can hold",
};

void flush_show_queue(struct ingest *g)
{
	metric_set(g->queued, (double)(g->share.used + g->row_bytes));
}

static void charge(struct ingest *g, size_t plus, size_t minus)
{
	g->row_bytes = g->row_bytes + plus - minus;
	flush_show_queue(g);
}

/* --- rows --- */

static struct load *fresh_load(struct ingest *g)
{
	struct load *l = g->spare;

	if (!l)
		return load_create(g->conf->ingest_batch_rows, LOAD_BYTES);
	g->spare = l->next;
	g->nspare--;
	return l;
}

static void put_away(struct ingest *g, struct load *l)
{
	charge(g, 0, l->batch->rows.n);
	if (g->nspare == KEEP_SPARE) {
		load_destroy(l);
		return;
	}
	load_clear(l);
	l->next = g->spare;
	g->spare = l;
	g->nspare++;
}

/* The batch takes no more; it waits for a connection. */
static void make_ready(struct ingest *g, struct load *l)
{
	l->next = NULL;
	*g->ready_tail = l;
	g->ready_tail = &l->next;
}

static void close_load(struct ingest *g)
{
	make_ready(g, g->open);
	g->open = NULL;
}

/* Adds the row to the open batch, or behind it when that holds its identity with other content. */
static enum load_answer add_row(struct ingest *g, const struct event_row *row, struct pending of)
{
	enum load_answer answer = LOAD_DIFFERS;
	struct load **at = &g->open;
	size_t before;

	for (int i = 0; i < MOST_CONTENTS && answer == LOAD_DIFFERS; i++, at = &(*at)->behind) {
		if (!*at && !(*at = fresh_load(g)))
			return LOAD_FULL;
		before = (*at)->batch->rows.n;
		answer = load_add(*at, row, of, clock_mono_us());
		charge(g, (*at)->batch->rows.n - before, 0);
	}
	return answer;
}

bool flush_row(struct ingest *g, const struct event_row *row, struct pending of)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		enum load_answer answer = add_row(g, row, of);

		if (answer != LOAD_FULL)
			return answer != LOAD_DIFFERS;
		if (!g->open)
			break;
		close_load(g);
	}
	settle(of, OUT_UNAVAILABLE, NULL, row->event_id);
	return true;
}

static void refuse_row(struct ingest *g, const struct load *l, const struct batch_entry *e, struct pending of,
		       const struct rejection *why)
{
	struct dead_letter d;

	if (refused_row_letter(&g->scratch, l->batch, e, why, &d))
		flush_letter(g, &d, of, why);
	else
		settle(of, OUT_UNAVAILABLE, NULL, (struct slice){ 0 });
	arena_rewind(&g->scratch);
}

/* The id of a row that turned out to be a duplicate: its sender may know it by nothing else. */
static struct slice id_of(const struct load *l, const struct batch_entry *e)
{
	struct event_row r;

	event_batch_read(l->batch, e, &r);
	return r.event_id;
}

static void settle_entry(struct ingest *g, const struct load *l, const struct batch_entry *e, int64_t now_us)
{
	struct pending of = *(struct pending *)e->owner;

	switch (e->verdict) {
	case ROW_STORED:
		dedup_settle(g->dedup, &e->key, e->digest, now_us);
		settle(of, OUT_STORED, NULL, (struct slice){ 0 });
		break;
	case ROW_DUPLICATE:
		dedup_settle(g->dedup, &e->key, e->digest, now_us);
		settle(of, OUT_DUPLICATE, NULL, id_of(l, e));
		break;
	case ROW_CONFLICT:
		refuse_row(g, l, e, of, &conflict);
		break;
	case ROW_POISON:
		refuse_row(g, l, e, of, &poison);
		break;
	case ROW_PENDING:
		settle(of, OUT_UNAVAILABLE, NULL, (struct slice){ 0 });
		break;
	}
}

/* A follower shares its first's fate. */
static void settle_follower(struct ingest *g, const struct load *l, const struct follower *f)
{
	const struct batch_entry *e = load_find(l, &f->key);

	if (e->verdict == ROW_STORED || e->verdict == ROW_DUPLICATE)
		settle(f->of, OUT_DUPLICATE, NULL, id_of(l, e));
	else if (e->verdict != ROW_PENDING)
		refuse_row(g, l, e, f->of, e->verdict == ROW_POISON ? &poison : &conflict);
	else
		settle(f->of, OUT_UNAVAILABLE, NULL, (struct slice){ 0 });
}

static void settle_load(struct ingest *g, struct load *l)
{
	const struct event_batch *b = l->batch;
	int64_t now_us = clock_wall_us();

	for (uint32_t i = 0; i < b->n; i++) {
		if (i + SETTLE_AHEAD < b->n)
			dedup_expect(g->dedup, &b->entries[i + SETTLE_AHEAD].key);
		settle_entry(g, l, &b->entries[i], now_us);
	}
	for (struct follower *f = l->followers; f; f = f->next)
		settle_follower(g, l, f);
	if (l->behind)
		make_ready(g, l->behind);
	l->behind = NULL;
	put_away(g, l);
	flush_soon(g);
}

static void fail_load(struct ingest *g, struct load *l)
{
	for (uint32_t i = 0; i < l->batch->n; i++)
		l->batch->entries[i].verdict = ROW_PENDING;
	settle_load(g, l);
}

static void on_stored(struct event_batch *b, enum err_code c)
{
	struct load *l = b->ctx;
	struct ingest *g = ((struct pending *)b->entries[0].owner)->request->ingest;

	metric_observe(g->seconds, (double)(clock_mono_us() - l->opened_us) / 1e6);
	pace_stored(&g->pace);
	gather_stored(&g->gather, b->n);
	if (c)
		fail_load(g, l);
	else
		settle_load(g, l);
}

/* False when no connection has room now. */
static bool send_load(struct ingest *g, struct load *l)
{
	enum err_code rc;

	l->batch->done = on_stored;
	l->batch->ctx = l;
	rc = event_store_put(g->store, l->batch);
	if (rc == ERR_QUOTA)
		return false;
	if (rc) {
		fail_load(g, l);
		return true;
	}
	pace_sent(&g->pace);
	gather_sent(&g->gather, l->batch->n);
	metric_observe(g->batch_rows, l->batch->n);
	return true;
}

/* Also when the store is away: then all that waits fails. */
static bool may_send(const struct ingest *g)
{
	return pace_allows(&g->pace) || !event_store_ready(g->store);
}

static void send_ready(struct ingest *g)
{
	struct load *l;

	while ((l = g->ready) && may_send(g)) {
		g->ready = l->next;
		if (!g->ready)
			g->ready_tail = &g->ready;
		if (send_load(g, l))
			continue;
		l->next = g->ready;
		g->ready = l;
		if (!l->next)
			g->ready_tail = &l->next;
		return;
	}
	if (l || !g->open || !g->open->batch->n)
		return;
	if ((event_store_idle(g->store) && !g->held && may_send(g) && gather_allows(&g->gather, g->open->batch->n)) ||
	    !event_store_ready(g->store)) {
		close_load(g);
		send_ready(g);
	}
}

/* --- dead letters --- */

struct letter_load *letter_load_destroy(struct letter_load *l)
{
	if (!l)
		return NULL;
	letter_batch_destroy(l->batch);
	free(l->owners);
	free(l);
	return NULL;
}

static struct letter_load *letter_load_create(void)
{
	struct letter_load *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->cap = LETTER_ROWS;
	l->owners = calloc(l->cap, sizeof(*l->owners));
	l->batch = letter_batch_create(LETTER_BYTES);
	return l->owners && l->batch ? l : letter_load_destroy(l);
}

static void close_letters(struct ingest *g)
{
	g->letters->next = NULL;
	*g->letters_tail = g->letters;
	g->letters_tail = &g->letters->next;
	g->letters = NULL;
}

/* By topic only where it is one of ours or a way in: senders must not be able to make series. */
static void count_rejection(const struct dead_letter *d, enum reject_code code)
{
	const struct topic *t = d->topic.p ? event_topic_find(d->topic) : NULL;
	bool route = d->topic.n && *d->topic.p == '/';
	char label[96];

	if (t)
		snprintf(label, sizeof(label), "%.*s", (int)t->name.n, t->name.p);
	else if (route)
		snprintf(label, sizeof(label), "%.*s", (int)d->topic.n, d->topic.p);
	metric_add(metric_get(M_REJECTIONS, reject_name(code), t || route ? label : "unknown"), 1);
}

void flush_letter(struct ingest *g, const struct dead_letter *d, struct pending of, const struct rejection *error)
{
	struct letter_load *l;

	if (of.request->replay) { /* it is a letter already: who replays it keeps the verdict */
		settle(of, OUT_REJECTED, settle_keep_error(of.request, error), d->event_id);
		return;
	}
	for (int attempt = 0; attempt < 2; attempt++) {
		if (!g->letters && !(g->letters = letter_load_create()))
			break;
		l = g->letters;
		if (l->n < l->cap && letter_batch_add(l->batch, d)) {
			l->owners[l->n++] = (struct letter_owner){
				of, settle_keep_error(of.request, error), settle_keep_id(of.request, d->event_id)
			};
			count_rejection(d, error->code);
			return;
		}
		close_letters(g);
	}
	settle(of, OUT_UNAVAILABLE, NULL, d->event_id);
}

static void settle_letters(struct letter_load *l, bool stored)
{
	for (uint32_t i = 0; i < l->n; i++)
		settle(l->owners[i].of, stored ? OUT_REJECTED : OUT_UNAVAILABLE, l->owners[i].error,
		       l->owners[i].event_id);
	letter_load_destroy(l);
}

static void on_letters(struct letter_batch *b, enum err_code c)
{
	struct letter_load *l = b->ctx;
	struct ingest *g = l->owners[0].of.request->ingest;

	settle_letters(l, c == ERR_OK);
	flush_soon(g); /* others wait for the place that is free now */
}

static void send_letters(struct ingest *g)
{
	struct letter_load *l;

	if (g->letters && g->letters->n)
		close_letters(g);
	while ((l = g->letters_ready)) {
		enum err_code rc;

		l->batch->done = on_letters;
		l->batch->ctx = l;
		rc = event_store_put_letters(g->store, l->batch);
		if (rc == ERR_QUOTA)
			return;
		g->letters_ready = l->next;
		if (!g->letters_ready)
			g->letters_tail = &g->letters_ready;
		if (rc)
			settle_letters(l, false);
	}
}

/* --- the turn's end --- */

void flush_soon(struct ingest *g)
{
	if (g->fed)
		return;
	g->fed = true;
	ev_feed_event(g->loop->ev, &g->turn_end, EV_CUSTOM);
}

static void report(struct ingest *g)
{
	struct ingest_request *r;

	while ((r = g->settled)) {
		g->settled = r->next;
		if (!g->settled)
			g->settled_tail = &g->settled;
		share_give(&g->share, r->bill.source, r->bill.bytes);
		flush_show_queue(g);
		r->done(r, r->ctx);
		arena_reset(&r->arena);
		free(r->outcomes);
		free(r->results);
		free(r);
	}
}

void flush_on_turn_end(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct ingest *g = t->data;

	(void)ev, (void)revents;
	g->fed = false;
	send_ready(g);
	send_letters(g);
	report(g);
}
