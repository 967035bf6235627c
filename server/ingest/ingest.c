#include "server/ingest/ingest.h"

#include "server/ingest/request.h"
#include "storage/base/clock.h"
#include "storage/base/metrics.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SCRATCH_BYTES = 64 << 20,        /* a 1 MiB event of tiny values takes about this much as a tree */
	REQUEST_ARENA_BYTES = 8 << 20,
};

/* False: one of them is no key, or they are too many. */
static bool read_old_keys(struct ingest *g, const char *list)
{
	struct pii_key k;

	while (*list) {
		if (g->nold_keys == CONF_OLD_KEYS || !conf_next_key(&list, &k.id, &k.secret))
			return false;
		g->old_keys[g->nold_keys++] = k;
	}
	return true;
}

static void on_may_send(void *ingest)
{
	flush_soon(ingest);
}

enum err_code ingest_create(struct ingest **out, const struct conf *c, struct loop *l, struct event_store *s,
			    struct err *e)
{
	struct ingest *g = calloc(1, sizeof(*g));
	enum err_code rc;

	if (!g)
		return err_set(e, ERR_QUOTA, "no memory for ingestion");
	rc = dedup_create(&g->dedup, c->dedup_entries, c->dedup_window_sec * 1000000ll, e);
	if (rc) {
		free(g);
		return rc;
	}
	g->conf = c;
	g->loop = l;
	g->store = s;
	if (!ingest_use_key(g, c->pii_hmac_key) || !read_old_keys(g, c->pii_hmac_old_keys)) {
		dedup_destroy(g->dedup);
		free(g);
		return err_set(e, ERR_PRECONDITION, "PII_HMAC_KEY or PII_HMAC_OLD_KEYS cannot be used: a key has 16 bytes or "
						    "more; old ones are written as id:key,id:key, at most %d", CONF_OLD_KEYS);
	}
	g->share.limit = (size_t)c->ingest_queue_mib << 20;
	g->ready_tail = &g->ready;
	g->letters_tail = &g->letters_ready;
	g->settled_tail = &g->settled;
	arena_init(&g->scratch, SCRATCH_BYTES);
	ev_init(&g->turn_end, flush_on_turn_end);
	g->turn_end.data = g;
	g->received = metric_get(M_RECEIVED, "", "");
	g->flying = metric_get(M_IN_FLIGHT, "", "");
	g->queued = metric_get(M_QUEUE_BYTES, "", "");
	g->batch_rows = metric_get(M_BATCH, "", "");
	g->seconds = metric_get(M_INGEST, "", "");
	g->suppressed = metric_get(M_SUPPRESSED, "", "");
	pace_init(&g->pace, l, on_may_send, g);
	gather_init(&g->gather, l, on_may_send, g);
	conserve_start(&g->conserve, l, &g->in_flight);
	*out = g;
	return ERR_OK;
}

void ingest_keep_pace(struct ingest *g, double lag_s)
{
	pace_by_lag(&g->pace, lag_s);
}

bool ingest_use_key(struct ingest *g, const char *key)
{
	const char *colon = strchr(key, ':');
	bool named = colon && colon > key && (size_t)(colon - key) < sizeof(g->key_id);
	const char *secret = named ? colon + 1 : key;

	if (strlen(secret) < CONF_KEY_MIN_BYTES || strlen(secret) >= sizeof(g->key_secret))
		return false;
	if (named)
		snprintf(g->key_id, sizeof(g->key_id), "%.*s", (int)(colon - key), key);
	else
		snprintf(g->key_id, sizeof(g->key_id), "%.39s", g->conf->pii_hmac_key_id);
	snprintf(g->key_secret, sizeof(g->key_secret), "%s", secret);
	g->key = (struct pii_key){ slice_of(g->key_id), slice_of(g->key_secret) };
	return true;
}

struct ingest *ingest_destroy(struct ingest *g)
{
	struct load *l;

	if (!g)
		return NULL;
	conserve_stop(&g->conserve);
	pace_stop(&g->pace);
	gather_stop(&g->gather);
	while ((l = g->spare)) {
		g->spare = l->next;
		load_destroy(l);
	}
	load_destroy(g->open);
	letter_load_destroy(g->letters);
	dedup_destroy(g->dedup);
	arena_reset(&g->scratch);
	free(g);
	return NULL;
}

bool ingest_quiet(const struct ingest *g)
{
	return g->in_flight == 0 && !g->settled;
}

static enum err_code open_request(struct ingest *g, const struct ingest_bill *bill, struct ingest_request **out,
				  struct err *e)
{
	struct ingest_request *r;

	if (!share_take(&g->share, bill->source, bill->bytes))
		return err_set(e, ERR_QUOTA, "too many events are under way; try again");
	r = calloc(1, sizeof(*r));
	if (r && !(r->outcomes = calloc(bill->events + 1, 1))) {
		free(r);
		r = NULL;
	}
	if (!r) {
		share_give(&g->share, bill->source, bill->bytes);
		return err_set(e, ERR_QUOTA, "no memory for the request");
	}
	r->ingest = g;
	r->bill = *bill;
	r->pending = 1;
	arena_init(&r->arena, REQUEST_ARENA_BYTES);
	*out = r;
	return ERR_OK;
}

enum err_code ingest_open(struct ingest *g, const struct ingest_bill *bill,
			  void (*done)(struct ingest_request *r, void *ctx), void *ctx,
			  struct ingest_request **out, struct err *e)
{
	enum err_code rc = open_request(g, bill, out, e);

	settle_receive(g, bill->events);
	if (rc) {
		settle_refuse(g, bill->events);
		return rc;
	}
	(*out)->done = done;
	(*out)->ctx = ctx;
	flush_show_queue(g);
	return ERR_OK;
}

void ingest_refuse(struct ingest *g, uint32_t events)
{
	settle_receive(g, events);
	settle_refuse(g, events);
}

/* The next event of r. */
static struct pending take(struct ingest_request *r)
{
	assert(r->total < r->bill.events);
	r->pending++;
	return (struct pending){ r, settle_counters(r->ingest, "unknown"), r->total++ };
}

/* Is it an event of somebody who was erased? By the key in use or by one of before. */
static bool is_erased(struct ingest *g, const struct event_in *in, const struct event_row *row)
{
	struct pii p = { .a = &g->scratch, .key = &g->key };
	bool due = row ? suppress_row_due(g->erased, &p, row) : suppress_event_due(g->erased, &p, in, NULL);

	for (unsigned i = 0; i < g->nold_keys && !due; i++) {
		p.key = &g->old_keys[i];
		due = suppress_event_due(g->erased, &p, in, row);
	}
	return due || p.failed; /* unknown for want of memory: better nobody's */
}

static void reject(struct ingest *g, const struct event_in *in, const struct event_rules *rules,
		   const struct rejection *rej, struct pending of)
{
	struct event_in erased = *in;
	struct dead_letter d;

	if (is_erased(g, in, NULL)) {
		metric_add(g->suppressed, 1);
		in = suppress_event(&g->scratch, &erased) ? &erased : NULL;
	}
	if (in && event_letter(&g->scratch, in, rules, rej, &d))
		flush_letter(g, &d, of, rej);
	else
		settle(of, OUT_UNAVAILABLE, NULL, (struct slice){ 0 });
}

/* A judged event: known already, or on to its batch. */
static void deduplicate(struct ingest *g, const struct event_in *in, const struct event_rules *rules,
			const struct event_row *row, struct pending of)
{
	struct rejection rej = { .code = REJECT_ID_CONFLICT,
				 .message = "this identity was stored before with other content" };

	switch (dedup_look(g->dedup, &row->key, row->digest, rules->now_us)) {
	case DEDUP_SAME:
		settle(of, OUT_DUPLICATE, NULL, row->event_id);
		break;
	case DEDUP_OTHER:
		reject(g, in, rules, &rej, of);
		break;
	case DEDUP_UNKNOWN:
		if (!flush_row(g, row, of))
			reject(g, in, rules, &rej, of);
		break;
	}
}

/* A good event of an erased person becomes nobody's. False: there is no memory for it. */
static bool suppress(struct ingest *g, const struct event_in *in, struct event_row *row)
{
	if (!is_erased(g, in, row))
		return true;
	metric_add(g->suppressed, 1);
	return suppress_row(&g->scratch, row);
}

typedef bool decode_fn(struct arena *a, struct slice bytes, struct slice route, struct event_in *in,
		       struct rejection *rej);

static struct event_rules rules_of(const struct ingest *g, const struct event_replay *replay)
{
	return (struct event_rules){
		.now_us = clock_wall_us(),
		.retention_days = g->conf->retention_days,
		.reporting_currency = g->conf->reporting_currency,
		.key = &g->key,
		.replay = replay,
		.schemas = g->schemas,
	};
}

static void ingest_one(struct ingest_request *r, decode_fn *decode, struct slice bytes, struct slice route,
		       const struct event_replay *replay)
{
	struct ingest *g = r->ingest;
	struct event_rules rules = rules_of(g, replay);
	struct event_in in = { 0 };
	struct event_row row = { 0 };
	struct rejection rej = { 0 };
	struct pending of = take(r);

	if (!g->schemas || !g->erased) { /* nobody can say yet what is asked of it */
		settle(of, OUT_UNAVAILABLE, NULL, (struct slice){ 0 });
		return;
	}
	if (!decode(&g->scratch, bytes, route, &in, &rej) || !event_judge(&g->scratch, &in, &rules, &row, &rej)) {
		reject(g, &in, &rules, &rej, of);
	} else {
		of.counters = settle_counters(g, row.event_type.p);
		if (suppress(g, &in, &row))
			deduplicate(g, &in, &rules, &row, of);
		else
			settle(of, OUT_UNAVAILABLE, NULL, row.event_id);
	}
	arena_rewind(&g->scratch);
	flush_soon(g);
}

void ingest_use_suppressions(struct ingest *g, const struct suppressions *erased)
{
	g->erased = erased;
}

const struct pii_key *ingest_key(const struct ingest *g)
{
	return &g->key;
}

const struct pii_key *ingest_old_keys(const struct ingest *g, unsigned *n)
{
	*n = g->nold_keys;
	return g->old_keys;
}

void ingest_use_schemas(struct ingest *g, const struct narrowings *schemas)
{
	g->schemas = schemas;
}

void ingest_json(struct ingest_request *r, struct slice text, struct slice route)
{
	ingest_one(r, event_decode_json, text, route, NULL);
}

void ingest_proto(struct ingest_request *r, struct slice wire, struct slice route)
{
	ingest_one(r, event_decode_proto, wire, route, NULL);
}

void ingest_letter(struct ingest_request *r, struct slice payload, const struct event_replay *how)
{
	r->replay = true;
	ingest_one(r, event_decode_json, payload, SLICE("RetryDeadLetters"), how);
}

bool ingest_judge_letter(struct ingest *g, struct slice payload, const struct event_replay *how,
			 uint8_t digest[16], struct rejection *rej)
{
	struct event_rules rules = rules_of(g, how);
	struct event_in in = { 0 };
	struct event_row row = { 0 };
	bool good = event_decode_json(&g->scratch, payload, SLICE("RetryDeadLetters"), &in, rej) &&
		    event_judge(&g->scratch, &in, &rules, &row, rej);

	if (good)
		memcpy(digest, row.digest, sizeof(row.digest));
	arena_rewind(&g->scratch);
	return good;
}
