#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/ingest/timestamp.h"
#include "server/services.h"
#include "server/wire/stream.h"
#include "storage/base/clock.h"
#include "storage/pg/pgq.h"
#include "storage/pg/pool.h"
#include "storage/projection_steps.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	DEFAULT_RATE = 5000, MAX_RATE = 1000000,      /* events a second */
	MAX_PAGES = 128, PAGES_A_SECOND = 20,         /* of a step: some 10 rows are in one */
	MOST_FAILURES = 5,                            /* in a row */
	TELL_US = 500000, QUERY_US = 10 * 1000000,
	DATE_CHARS = 10,
};

typedef Api__Analytics__V1__ReplayEventsRequest request;
typedef Api__Analytics__V1__ReplayEventsResponse response;

#define NAME(n) n,
#define NOT_AGAIN(n)
static const char *const step_names[] = { "project_replay", PROJECTION_STEPS(NAME, NOT_AGAIN) };
#undef NAME
#undef NOT_AGAIN
enum { STEPS = sizeof(step_names) / sizeof(*step_names) };

struct replay {
	struct stream *stream;         /* NULL: it is gone */
	const struct services *services;
	struct pool_query query;       /* asking */
	bool asking;
	struct pgq q;                  /* open: a connection as the projector's */
	bool open, under_way;
	struct pgq_unit unit;
	ev_timer timer;
	uint32_t rate;
	bool dry_run, resumed, over, owed; /* owed: what is to be told waits for the message before */
	char start[64], until[64], part[200], page[24], pages[8];
	int64_t events, pages_done, pages_total;
	uint32_t range;                /* hash of the bounds: a token goes with its range */
	unsigned failures;
	uint64_t told_us, step_us;
};

static unsigned running;               /* of this worker: one at a time */

static void destroy_if_done(struct replay *r)
{
	if (r->stream || r->asking)
		return;
	running--;
	free(r);
}

static void end(struct replay *r, enum err_code c, const char *why)
{
	struct status s;

	loop_timer_stop(r->services->loop, &r->timer);
	r->over = true;
	if (!r->stream)
		return;
	status_of(&s, c, why);
	stream_finish(r->stream, &s);
}

/* --- progress --- */

static void tell(struct replay *r, bool complete)
{
	response out = API__ANALYTICS__V1__REPLAY_EVENTS_RESPONSE__INIT;
	char token[320];

	snprintf(token, sizeof(token), "%s:%s:%" PRId64 ":%" PRId64 ":%08x", r->part, r->page, r->events, r->pages_done,
		 r->range);
	out.has_events = out.has_fraction = out.has_complete = out.has_dry_run = true;
	out.events = r->events;
	out.fraction = complete || !r->pages_total ? 1 : (double)r->pages_done / (double)r->pages_total;
	out.fraction = out.fraction > 1 ? 1 : out.fraction;
	out.complete = complete;
	out.dry_run = r->dry_run;
	out.resume_token = complete ? NULL : token;
	r->owed = !stream_send(r->stream, &out.base);
	r->told_us = clock_mono_us();
	if (complete && !r->owed)
		stream_finish(r->stream, NULL);
}

/* --- steps --- */

static void step(struct replay *r);

static void on_timer(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct replay *r = t->data;

	(void)ev, (void)revents;
	r->services->loop->changed = true; /* the timer ended by itself */
	step(r);
}

static void step_in(struct replay *r, double s)
{
	loop_timer(r->services->loop, &r->timer, s > 0 ? s : 0, 0);
}

static void again_later(struct replay *r)
{
	if (++r->failures > MOST_FAILURES)
		end(r, ERR_STORE, "PostgreSQL fails; go on with the last token");
	else
		step_in(r, pgq_backoff_s(r->failures));
}

/* Where to go on; false at the end. */
static bool move_on(struct replay *r, const PGresult *p, int64_t *events)
{
	*events = strtoll(PQgetvalue(p, 0, 0), NULL, 10);
	r->events += *events;
	r->pages_done += strtoll(r->pages, NULL, 10);
	if (PQgetisnull(p, 0, 1))
		return false;
	snprintf(r->part, sizeof(r->part), "%s", PQgetvalue(p, 0, 1));
	snprintf(r->page, sizeof(r->page), "%s", PQgetvalue(p, 0, 2));
	return true;
}

static void on_step(struct pgq_unit *u)
{
	struct replay *r = (struct replay *)((char *)u - offsetof(struct replay, unit));
	double took_s = (double)(clock_mono_us() - r->step_us) / 1e6;
	int64_t events;

	r->under_way = false;
	if (!r->stream || r->over)
		return;
	if (u->code == ERR_DATA) {
		end(r, ERR_INTERNAL, "a stored event cannot be projected");
	} else if (u->code || PQntuples(u->results[0]) != 1) {
		again_later(r);
	} else {
		r->failures = 0;
		r->over = !move_on(r, u->results[0], &events);
		if (r->over || clock_mono_us() >= r->told_us + TELL_US)
			tell(r, r->over);
		if (!r->over)
			step_in(r, (double)events / r->rate - took_s);
	}
}

static void step(struct replay *r)
{
	const char *params[] = { r->start, r->until, r->part, r->page, r->pages, r->dry_run ? "true" : "false" };
	struct pgq_statement st[STEPS] = { 0 };

	if (r->under_way || r->over || r->q.state != PGQ_READY)
		return; /* a connection that becomes ready goes on */
	for (unsigned i = 0; i < STEPS; i++)
		st[i].name = step_names[i];
	st[0].nparams = 6;
	st[0].params = params;
	r->unit.done = on_step;
	r->step_us = clock_mono_us();
	r->under_way = !pgq_submit(&r->q, &r->unit, st, r->dry_run ? 1 : STEPS);
	if (!r->under_way)
		again_later(r);
}

static void on_change(struct pgq *q)
{
	struct replay *r = q->ctx;

	if (r->over || !r->stream)
		return;
	if (q->state == PGQ_READY)
		step_in(r, 0);
	else if (++r->failures > MOST_FAILURES)
		end(r, ERR_STORE, "PostgreSQL is away; go on with the last token");
}

/* --- the beginning --- */

static void on_begun(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct replay *r = (struct replay *)((char *)q - offsetof(struct replay, query));
	const PGresult *p = results[0];

	r->asking = false;
	if (!r->stream) {
		destroy_if_done(r);
		return;
	}
	if (c || *PQgetvalue(p, 0, 2) != 't') {
		if (c == ERR_DATA || !c)
			end(r, ERR_INVALID, "startDate and endDate: two instants or dates, the first before the other");
		else
			end(r, c, e->detail);
		return;
	}
	snprintf(r->start, sizeof(r->start), "%s", PQgetvalue(p, 0, 0));
	snprintf(r->until, sizeof(r->until), "%s", PQgetvalue(p, 0, 1));
	r->pages_total = strtoll(PQgetvalue(p, 0, 4), NULL, 10);
	if (!r->resumed)
		snprintf(r->part, sizeof(r->part), "%s", PQgetvalue(p, 0, 3));
	if (!*r->part) { /* no month of it is in the table */
		r->over = true;
		tell(r, true);
		return;
	}
	pgq_init(&r->q, r->services->conf, r->services->loop, r->services->offload, SQL_PROJECT, NULL);
	r->q.ctx = r;
	r->q.on_change = on_change;
	r->q.keep = r->open = true;
	pgq_open(&r->q);
}

static bool is_time(const char *s)
{
	int64_t us;

	return s && (strlen(s) == DATE_CHARS || timestamp_parse(slice_of(s), &us));
}

/* False: not one of ours, or of another range. */
static bool read_token(struct replay *r, const char *token)
{
	uint32_t range;

	if (sscanf(token, "%199[^:]:%23[0-9]:%" SCNd64 ":%" SCNd64 ":%8x", r->part, r->page, &r->events, &r->pages_done,
		   &range) != 5 || range != r->range)
		return false;
	return r->resumed = true;
}

/* NULL, or what is wrong. */
static const char *read_request(struct replay *r, const request *q)
{
	uint32_t pages;

	if (!is_time(q->start_date) || !is_time(q->end_date))
		return "startDate and endDate: RFC 3339 instants or dates are wanted";
	if (q->has_events_per_second && (q->events_per_second < 1 || q->events_per_second > MAX_RATE))
		return "eventsPerSecond: 1 to 1,000,000";
	r->rate = q->has_events_per_second ? (uint32_t)q->events_per_second : DEFAULT_RATE;
	r->dry_run = q->has_dry_run && q->dry_run;
	r->range = XXH32(q->end_date, strlen(q->end_date), XXH32(q->start_date, strlen(q->start_date), r->dry_run));
	pages = r->rate / PAGES_A_SECOND;
	snprintf(r->pages, sizeof(r->pages), "%u", pages < 1 ? 1 : pages > MAX_PAGES ? MAX_PAGES : pages);
	snprintf(r->page, sizeof(r->page), "0");
	snprintf(r->start, sizeof(r->start), "%s", q->start_date);
	snprintf(r->until, sizeof(r->until), "%s", q->end_date);
	if (q->resume_token && *q->resume_token && !read_token(r, q->resume_token))
		return "resumeToken: not a token of this range";
	return NULL;
}

static void refuse(struct stream *s, enum err_code c, const char *why)
{
	struct status status;

	status_of(&status, c, why);
	stream_finish(s, &status);
}

static void start(struct replay *r, const request *q)
{
	const char *wrong = read_request(r, q);
	struct err e;

	if (wrong) {
		end(r, ERR_INVALID, wrong);
		return;
	}
	r->query = (struct pool_query){ .nstatements = 1, .deadline_us = clock_mono_us() + QUERY_US, .done = on_begun };
	r->query.statements[0] = (struct pool_statement){ "replay_begin", 3, { r->start, r->until,
									     r->services->conf->business_timezone } };
	if (pool_run(r->services->queries, &r->query, &e))
		end(r, e.code, e.detail);
	else
		r->asking = true;
}

static void on_message(struct stream *s, struct slice bytes)
{
	ProtobufCAllocator a = arena_allocator(stream_arena(s));
	request *q;
	struct replay *r;

	if (stream_state(s))
		return;
	q = api__analytics__v1__replay_events_request__unpack(&a, bytes.n, (const uint8_t *)bytes.p);
	if (!q) {
		refuse(s, ERR_INVALID, "the message cannot be decoded");
		return;
	}
	r = running ? NULL : calloc(1, sizeof(*r));
	if (!r) {
		refuse(s, ERR_QUOTA, "a replay is under way");
		return;
	}
	running++;
	r->stream = s;
	r->services = stream_services(s);
	ev_init(&r->timer, on_timer);
	r->timer.data = r;
	stream_set_state(s, r);
	start(r, q);
}

static void on_half_closed(struct stream *s)
{
	if (!stream_state(s))
		refuse(s, ERR_INVALID, "the call carried no message");
}

static void on_writable(struct stream *s)
{
	struct replay *r = stream_state(s);

	if (r && r->owed)
		tell(r, r->over);
}

static void on_drain(struct stream *s)
{
	struct replay *r = stream_state(s);

	if (r)
		end(r, ERR_STORE, "the server shuts down; go on with the last token");
	else
		refuse(s, ERR_STORE, "the server shuts down; try again");
}

static void on_gone(struct stream *s)
{
	struct replay *r = stream_state(s);

	if (!r)
		return;
	r->stream = NULL;
	r->over = true;
	loop_timer_stop(r->services->loop, &r->timer);
	if (r->open)
		pgq_reset(&r->q);
	if (r->asking)
		pool_cancel(r->services->queries, &r->query);
	destroy_if_done(r);
}

const struct stream_ops admin_replay_events = {
	.open = stream_read,
	.message = on_message,
	.half_closed = on_half_closed,
	.writable = on_writable,
	.drain = on_drain,
	.gone = on_gone,
};
