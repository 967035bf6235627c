#include "server/ingest/feed.h"

#include "server/ingest/wire.h"

#include <stdlib.h>

enum { EVENTS_A_TURN = 250, TURNS_A_ROUND = 4 };

struct feed_line {
	struct loop *loop;
	struct feed *first, **tail;
	unsigned turns;                    /* that the first has had of its round */
	ev_timer next_turn;
};

typedef Api__Analytics__V1__PublishEventsResponse response;
typedef Api__Analytics__V1__EventResult result;
typedef Api__Analytics__V1__EventError error;

/* How many events the request holds, and the first; false when it is no such message. */
static bool count_events(struct slice request, uint32_t *n, struct slice *first)
{
	struct slice event;
	size_t at = 0;
	bool bad = false;

	for (*n = 0; event_next_proto(request, &at, &event, &bad); ++*n)
		if (!*n)
			*first = event;
	return !bad;
}

/* CloudEvent.source; only to tell senders apart. */
static struct slice source_of(struct slice event)
{
	struct wire w = wire_of(event);
	struct wire_field f;

	while (wire_next(&w, &f))
		if (f.number == 2 && f.type == WIRE_BYTES)
			return f.bytes;
	return (struct slice){ NULL, 0 };
}

enum err_code feed_open(struct feed *f, const struct services *s, uint64_t peer, struct slice bytes,
			void (*settled)(struct ingest_request *r, void *ctx), void *ctx, struct err *e)
{
	struct slice first = { NULL, 0 };
	struct ingest_bill bill = { .bytes = bytes.n };

	if (!count_events(bytes, &bill.events, &first))
		return err_set(e, ERR_INVALID, "the message cannot be decoded");
	if (bill.events > FEED_MAX_EVENTS)
		return err_set(e, ERR_INVALID, "at most %d events a message", FEED_MAX_EVENTS);
	f->services = s;
	f->bytes = bytes;
	f->at = 0;
	f->left = bill.events;
	bill.source = share_source(peer, source_of(first));
	return ingest_open(s->ingest, &bill, settled, ctx, &f->request, e);
}

static void take_some(struct feed *f)
{
	struct slice event;
	bool bad = false;

	for (int i = 0; i < EVENTS_A_TURN && f->left; i++, f->left--)
		if (event_next_proto(f->bytes, &f->at, &event, &bad))
			ingest_proto(f->request, event, SLICE("PublishEvents"));
}

static void finish(struct feed *f)
{
	ingest_close(f->request);
	if (f->consumed)
		f->consumed(f);
}

static void stand_last(struct feed_line *line, struct feed *f)
{
	f->next = NULL;
	*line->tail = f;
	line->tail = &f->next;
}

/* Takes *at out of the line. What was taken of it goes on its way without the rest. */
static void step_out(struct feed_line *line, struct feed **at)
{
	struct feed *f = *at;

	if (f == line->first && line->turns) {
		line->turns = 0;
		ingest_release(f->request);
	}
	*at = f->next;
	if (!*at)
		line->tail = at;
}

static void take_turn(struct feed_line *line)
{
	struct feed *f = line->first;

	if (!line->turns++)
		ingest_hold(f->request);
	take_some(f);
	if (!f->left || line->turns == TURNS_A_ROUND)
		step_out(line, &line->first);
	if (f->left && line->first != f)
		stand_last(line, f);
	if (line->first)
		loop_timer(line->loop, &line->next_turn, 0, 0);
	if (!f->left)
		finish(f);
}

static void on_next_turn(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct feed_line *line = t->data;

	(void)ev, (void)revents;
	line->loop->changed = true; /* the timer ended by itself */
	if (line->first)
		take_turn(line);
}

enum err_code feed_line_create(struct feed_line **out, struct loop *l, struct err *e)
{
	struct feed_line *line = calloc(1, sizeof(*line));

	if (!line)
		return err_set(e, ERR_QUOTA, "no memory for the requests to be fed");
	line->loop = l;
	line->tail = &line->first;
	ev_init(&line->next_turn, on_next_turn);
	line->next_turn.data = line;
	*out = line;
	return ERR_OK;
}

struct feed_line *feed_line_destroy(struct feed_line *line)
{
	if (!line)
		return NULL;
	loop_timer_stop(line->loop, &line->next_turn);
	free(line);
	return NULL;
}

void feed_run(struct feed *f)
{
	struct feed_line *line = f->services->feeds;

	if (f->left <= EVENTS_A_TURN) {
		take_some(f);
		finish(f);
		return;
	}
	stand_last(line, f);
	if (line->first == f)
		take_turn(line);
}

void feed_abandon(struct feed *f)
{
	struct feed_line *line = f->services->feeds;

	for (struct feed **at = &line->first; *at; at = &(*at)->next)
		if (*at == f) {
			step_out(line, at);
			break;
		}
	ingest_close(f->request);
}

static error *error_of(struct arena *a, const struct rejection *rej)
{
	error *e = arena_alloc(a, sizeof(*e));

	if (!e)
		return NULL;
	api__analytics__v1__event_error__init(e);
	e->code = (char *)reject_name(rej->code);
	e->field = (char *)rej->field;
	e->message = (char *)rej->message;
	return e;
}

static void fill_result(struct arena *a, result *to, const struct ingest_result *from)
{
	api__analytics__v1__event_result__init(to);
	to->has_index = true;
	to->index = (int32_t)from->index;
	to->event_id = from->event_id.p ? arena_strndup(a, from->event_id.p, from->event_id.n) : NULL;
	to->status = from->outcome == OUT_REJECTED ? "rejected" : "duplicate";
	if (from->outcome == OUT_REJECTED && from->error)
		to->error = error_of(a, from->error);
}

response *feed_answer(struct arena *a, struct ingest_request *r)
{
	response *out = arena_alloc(a, sizeof(*out));
	uint32_t n;
	const struct ingest_result *from = ingest_results(r, &n);
	result *list = arena_alloc(a, n * sizeof(*list) + 1);
	result **pointers = arena_alloc(a, n * sizeof(*pointers) + 1);

	if (!out || !list || !pointers)
		return NULL;
	api__analytics__v1__publish_events_response__init(out);
	out->has_accepted = out->has_duplicates = out->has_rejected = true;
	out->accepted = ingest_count(r, OUT_STORED);
	out->duplicates = ingest_count(r, OUT_DUPLICATE);
	out->rejected = ingest_count(r, OUT_REJECTED);
	for (uint32_t i = 0; i < n; i++) {
		fill_result(a, &list[i], &from[i]);
		pointers[i] = &list[i];
	}
	out->n_results = n;
	out->results = pointers;
	return out;
}
