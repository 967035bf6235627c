#include "server/http/cloudevents.h"

#include "server/http/binary_mode.h"
#include "server/http/deliver.h"
#include "server/http/event_run.h"
#include "server/http/http_error.h"
#include "server/http/media.h"

enum { ENVELOPE_BYTES = 2 * EVENT_MAX_BYTES };

static bool is_batch(const struct http_request *r)
{
	return media_is(http_header(r, "Content-Type"), "application/cloudevents-batch+json");
}

uint32_t cloudevents_ceiling(const struct http_request *r)
{
	return is_batch(r) ? EVENTS_MAX_BYTES : EVENT_MAX_BYTES;
}

static struct slice element_event(struct event_run *run, struct slice element, uint32_t i)
{
	(void)run, (void)i;
	return element;
}

/* What a chunk adds to "results"; the run stops at the first event that could not be stored now. */
static bool settled(struct event_run *run, const struct ingest_request *q)
{
	uint32_t n = 0;
	const struct ingest_result *results = q ? ingest_results(q, &n) : NULL;
	struct buf *b = &run->out;

	if (!q || ingest_count(q, OUT_UNAVAILABLE)) {
		run->unavailable = true;
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct ingest_result *e = &results[i];

		buf_printf(b, "%s{\"index\":%u,\"eventId\":", b->n ? "," : "",
			   run->before + e->index);
		buf_json_string(b, e->event_id);
		buf_printf(b, ",\"status\":\"%s\"",
			   e->outcome == OUT_DUPLICATE ? "duplicate" : "rejected");
		if (e->outcome == OUT_REJECTED && e->error)
			event_run_print_error(b, e->error);
		buf_putc(b, '}');
		if (e->error && run->single.p)
			run->rejected = *e->error;
	}
	return !b->failed;
}

static void end(struct event_run *run)
{
	struct buf results = run->out;
	bool rejected = run->rejected.code != REJECT_NONE;

	if (run->unavailable) {
		struct http_request *r = run->request;

		arena_reset(&run->arena);
		buf_reset(&results);
		http_error(r, 503, ERR_STORE, "events cannot be stored now; send them again later");
		return;
	}
	buf_init(&run->out, results.limit);
	run->out.failed = results.failed;
	buf_printf(&run->out, "{\"accepted\":%u,\"duplicates\":%u,\"rejected\":%u,\"results\":[",
		   run->outcomes[OUT_STORED], run->outcomes[OUT_DUPLICATE],
		   run->outcomes[OUT_REJECTED]);
	buf_put(&run->out, results.p, results.n);
	buf_putc(&run->out, ']');
	if (rejected) /* the one event's error, as a delivery route tells it */
		event_run_print_error(&run->out, &run->rejected);
	buf_putc(&run->out, '}');
	buf_reset(&results);
	event_run_answer(run, rejected ? 400 : 200);
}

void cloudevents_post(struct http_request *r)
{
	static const struct event_run_ops ops = { element_event, settled, end };
	struct slice body = http_body(r);
	struct buf envelope;

	if (is_batch(r)) {
		event_run_start(r, &ops, json_walk_whole(body) ? body : (struct slice){ 0 }, body);
		return;
	}
	if (media_is(http_header(r, "Content-Type"), "application/cloudevents+json") ||
	    !binary_mode(r)) {
		event_run_start(r, &ops, (struct slice){ 0 }, body);
		return;
	}
	buf_init(&envelope, ENVELOPE_BYTES);
	binary_mode_envelope(r, &envelope);
	if (envelope.failed)
		http_error(r, 413, ERR_INVALID, "an event is at most 1 MiB");
	else
		event_run_start(r, &ops, (struct slice){ 0 },
				(struct slice){ envelope.p, envelope.n });
	buf_reset(&envelope);
}
