/* server/ingest/stream_events.c -- messages are read while fewer than WINDOW of them wait for their commit;
 * answers go out in the order of their messages. When the client leaves, what was taken is still stored. */
#include "server/ingest/stream_events.h"

#include "server/ingest/feed.h"

#include <stdlib.h>

enum { WINDOW = 8, ANSWER_BYTES = 8 << 20 };

struct events_stream;

struct message {                   /* a slot of the window */
	struct events_stream *of;
	struct feed feed;
	uint8_t *answer;           /* packed; NULL until it is settled */
	size_t answer_bytes;
	bool failed;               /* the database was away: the stream ends here */
};

struct events_stream {
	struct stream *stream;     /* NULL: the client is gone */
	struct message window[WINDOW];
	unsigned first, used;      /* a ring, in the order of arrival */
	bool half_closed, feeding, draining;
};

static void go_on(struct events_stream *s);

static void on_settled(struct ingest_request *r, void *ctx)
{
	struct message *m = ctx;
	struct arena a;
	Api__Analytics__V1__PublishEventsResponse *answer;

	arena_init(&a, ANSWER_BYTES);
	answer = ingest_count(r, OUT_UNAVAILABLE) ? NULL : feed_answer(&a, r);
	if (answer) {
		m->answer_bytes = api__analytics__v1__publish_events_response__get_packed_size(answer);
		m->answer = malloc(m->answer_bytes ? m->answer_bytes : 1);
	}
	if (m->answer)
		api__analytics__v1__publish_events_response__pack(answer, m->answer);
	m->failed = !m->answer;
	arena_reset(&a);
	go_on(m->of);
}

static void finish(struct events_stream *s, enum err_code code, const char *why)
{
	struct status st;

	if (!s->stream)
		return;
	status_of(&st, code, why);
	stream_finish(s->stream, code ? &st : NULL);
}

/* Without a client: the slots empty themselves as they settle, the last one frees the whole. */
static void forget(struct events_stream *s)
{
	while (s->used && (s->window[s->first].answer || s->window[s->first].failed)) {
		free(s->window[s->first].answer);
		s->first = (s->first + 1) % WINDOW;
		s->used--;
	}
	if (!s->used)
		free(s);
}

static void go_on(struct events_stream *s)
{
	struct message *m = &s->window[s->first];

	if (!s->stream) {
		forget(s);
		return;
	}
	if (s->used && m->failed) {
		finish(s, ERR_STORE, "the database is away; nothing unacknowledged is kept, send again");
		return;
	}
	if (s->used && m->answer && stream_send_packed(s->stream, m->answer, m->answer_bytes)) {
		m->answer = NULL;
		s->first = (s->first + 1) % WINDOW;
		s->used--;
	}
	if (!s->used && s->half_closed)
		finish(s, ERR_OK, "");
	else if (!s->used && s->draining)
		finish(s, ERR_STORE, "the server shuts down; what was answered is stored, send the rest again");
	else if (s->used < WINDOW && !s->feeding && !s->half_closed && !s->draining)
		stream_read(s->stream);
}

static void on_consumed(struct feed *f)
{
	struct message *m = (struct message *)((char *)f - offsetof(struct message, feed));

	m->of->feeding = false;
	go_on(m->of);
}

static void on_open(struct stream *st)
{
	struct events_stream *s = calloc(1, sizeof(*s));
	struct status why;

	if (!s) {
		status_of(&why, ERR_QUOTA, "no memory for the stream");
		stream_finish(st, &why);
		return;
	}
	s->stream = st;
	stream_set_state(st, s);
	stream_read(st);
}

static void on_message(struct stream *st, struct slice bytes)
{
	struct events_stream *s = stream_state(st);
	struct message *m = &s->window[(s->first + s->used) % WINDOW];
	enum err_code rc;
	struct err e;

	*m = (struct message){ .of = s, .feed.consumed = on_consumed };
	rc = feed_open(&m->feed, stream_services(st), stream_peer(st), bytes, on_settled, m, &e);
	if (rc) {
		finish(s, rc, e.detail);
		return;
	}
	s->used++;
	s->feeding = true;
	feed_run(&m->feed);
}

static void on_half_closed(struct stream *st)
{
	struct events_stream *s = stream_state(st);

	s->half_closed = true;
	go_on(s);
}

static void on_writable(struct stream *st)
{
	go_on(stream_state(st));
}

static void on_drain(struct stream *st)
{
	struct events_stream *s = stream_state(st);

	if (!s)
		return;
	s->draining = true;
	go_on(s);
}

static void on_gone(struct stream *st)
{
	struct events_stream *s = stream_state(st);

	if (!s)
		return;
	s->stream = NULL;
	if (s->feeding) /* its bytes go with the stream: what was taken of it is all there is */
		feed_abandon(&s->window[(s->first + s->used - 1) % WINDOW].feed);
	s->feeding = false;
	forget(s);
}

const struct stream_ops stream_events = {
	.open = on_open,
	.message = on_message,
	.half_closed = on_half_closed,
	.writable = on_writable,
	.drain = on_drain,
	.gone = on_gone,
};
