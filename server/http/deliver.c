#include "server/http/deliver.h"

#include "server/http/bulk_entry.h"
#include "server/http/event_run.h"
#include "server/http/http_error.h"
#include "server/http/media.h"

uint32_t deliver_ceiling(const struct http_request *r)
{
	return media_is(http_header(r, "Content-Type"), "application/json") ? EVENTS_MAX_BYTES
									    : EVENT_MAX_BYTES;
}

static void print_verdict(struct buf *b, enum outcome o, const struct rejection *error)
{
	switch (o) {
	case OUT_STORED:
		buf_puts(b, "\"status\":\"SUCCESS\",\"result\":\"stored\"");
		break;
	case OUT_DUPLICATE:
		buf_puts(b, "\"status\":\"SUCCESS\",\"result\":\"duplicate\"");
		break;
	case OUT_REJECTED:
		buf_puts(b, "\"status\":\"SUCCESS\",\"result\":\"rejected\"");
		if (error)
			event_run_print_error(b, error);
		break;
	default:
		buf_puts(b, "\"status\":\"RETRY\"");
	}
}

/* The rejection of event i; results are in order of index, *at moves along. */
static const struct rejection *error_of(const struct ingest_result *results, uint32_t n,
					uint32_t *at, uint32_t i)
{
	while (*at < n && results[*at].index < i)
		++*at;
	return *at < n && results[*at].index == i ? results[*at].error : NULL;
}

static struct slice single_event(struct event_run *run, struct slice element, uint32_t i)
{
	(void)run, (void)i;
	return element;
}

static bool single_settled(struct event_run *run, const struct ingest_request *q)
{
	uint32_t n = 0, at = 0;
	const struct ingest_result *results = q ? ingest_results(q, &n) : NULL;

	buf_putc(&run->out, '{');
	print_verdict(&run->out, q ? ingest_outcome(q, 0) : OUT_UNAVAILABLE,
		      error_of(results, n, &at, 0));
	buf_putc(&run->out, '}');
	return false;
}

static void single_end(struct event_run *run)
{
	event_run_answer(run, 200);
}

static struct slice bulk_event(struct event_run *run, struct slice entry, uint32_t i)
{
	return bulk_entry_event(&run->arena, entry, &run->ids[i]);
}

static bool bulk_settled(struct event_run *run, const struct ingest_request *q)
{
	uint32_t n = 0, at = 0;
	const struct ingest_result *results = q ? ingest_results(q, &n) : NULL;
	struct buf *b = &run->out;

	for (uint32_t i = 0; i < run->n; i++) {
		buf_puts(b, run->before + i ? ",{\"entryId\":" : "{\"statuses\":[{\"entryId\":");
		buf_json_string(b, run->ids[i]);
		buf_putc(b, ',');
		print_verdict(b, q ? ingest_outcome(q, i) : OUT_UNAVAILABLE,
			      error_of(results, n, &at, i));
		buf_putc(b, '}');
	}
	return !b->failed;
}

static void bulk_end(struct event_run *run)
{
	buf_puts(&run->out, run->before ? "]}" : "{\"statuses\":[]}");
	event_run_answer(run, 200);
}

void deliver_post(struct http_request *r)
{
	static const struct event_run_ops single = { single_event, single_settled, single_end };
	static const struct event_run_ops bulk = { bulk_event, bulk_settled, bulk_end };
	struct slice body = http_body(r), entries = { 0 };
	bool whole = false, may_be_bulk = !media_is(http_header(r, "Content-Type"),
						    "application/cloudevents+json");

	if (may_be_bulk)
		entries = bulk_entries(body, &whole);
	if (!entries.p && body.n > EVENT_MAX_BYTES)
		http_error(r, 413, ERR_INVALID, "an event is at most 1 MiB");
	else if (whole)
		event_run_start(r, &bulk, entries, body);
	else
		event_run_start(r, &single, (struct slice){ 0 }, body);
}
