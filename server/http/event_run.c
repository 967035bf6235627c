#include "server/http/event_run.h"

#include "server/http/http_error.h"

enum {
	CHUNK_EVENTS = 512,
	CHUNK_BYTES = 4 << 20,
	CHUNK_ARENA_BYTES = 16 << 20,
	ANSWER_BYTES = 16 << 20,
};

static void step(struct event_run *run);

/* Collects the next chunk's elements; their bytes. */
static size_t gather(struct event_run *run)
{
	size_t bytes = 0;

	run->n = 0;
	if (run->single.p) {
		run->elements[run->n++] = run->single;
		run->last = true;
		return run->single.n;
	}
	while (run->n < CHUNK_EVENTS && bytes < CHUNK_BYTES) {
		run->last = !json_walk_next(&run->walk, NULL, &run->elements[run->n]);
		if (run->last)
			break;
		bytes += run->elements[run->n++].n;
	}
	return bytes;
}

/* The events that were not looked at any more. */
static void refuse_rest(struct event_run *run)
{
	struct slice event;
	uint32_t n = 0;

	while (json_walk_next(&run->walk, NULL, &event))
		n++;
	ingest_refuse(http_services(run->request)->ingest, n);
}

/* False when the run is over. */
static bool settle(struct event_run *run, const struct ingest_request *q)
{
	bool go_on = run->ops->settled(run, q) && !run->last;

	for (int o = 0; q && o < OUT_OUTCOMES; o++)
		run->outcomes[o] += ingest_count(q, (enum outcome)o);
	if (!go_on && !run->last)
		refuse_rest(run);
	run->before += run->n;
	arena_reset(&run->arena);
	return go_on;
}

static void on_done(struct ingest_request *q, void *ctx)
{
	struct event_run *run = ctx;

	if (settle(run, q))
		step(run);
	else
		run->ops->end(run);
}

static void step(struct event_run *run)
{
	struct ingest_bill bill = { .source = run->source };
	struct ingest_request *q;

	do {
		bill.bytes = gather(run);
		bill.events = run->n;
		if (!run->n)
			break;
		for (uint32_t i = 0; i < run->n; i++)
			run->elements[i] = run->ops->event(run, run->elements[i], i);
		if (ingest_open(http_services(run->request)->ingest, &bill, on_done, run, &q,
				NULL) == ERR_OK) {
			for (uint32_t i = 0; i < run->n; i++)
				ingest_json(q, run->elements[i], run->route);
			if (run->last)
				http_drop_body(run->request);
			ingest_close(q);
			return;
		}
	} while (settle(run, NULL));
	run->ops->end(run);
}

void event_run_start(struct http_request *r, const struct event_run_ops *ops, struct slice array,
		     struct slice single)
{
	struct event_run *run = arena_zalloc(http_arena(r), sizeof(*run));
	uint32_t room = array.p ? CHUNK_EVENTS : 1;

	if (run) {
		run->elements = arena_alloc(http_arena(r), room * sizeof(*run->elements));
		run->ids = arena_alloc(http_arena(r), room * sizeof(*run->ids));
	}
	if (!run || !run->elements || !run->ids) {
		http_error(r, 503, ERR_QUOTA, "out of memory");
		return;
	}
	run->ops = ops;
	run->request = r;
	run->route = http_path(r);
	run->source = share_source(http_peer(r), run->route);
	run->single = array.p ? (struct slice){ 0 } : single;
	if (array.p)
		json_walk_begin(&run->walk, array, '[');
	arena_init(&run->arena, CHUNK_ARENA_BYTES);
	buf_init(&run->out, ANSWER_BYTES);
	step(run);
}

void event_run_print_error(struct buf *b, const struct rejection *rej)
{
	buf_printf(b, ",\"error\":{\"code\":\"%s\"", reject_name(rej->code));
	if (*rej->field) {
		buf_puts(b, ",\"field\":");
		buf_json_string(b, slice_of(rej->field));
	}
	buf_puts(b, ",\"message\":");
	buf_json_string(b, slice_of(rej->message));
	buf_putc(b, '}');
}

void event_run_answer(struct event_run *run, unsigned status)
{
	struct buf out = run->out; /* the answer may free the run */

	arena_reset(&run->arena);
	if (out.failed)
		http_error(run->request, 413, ERR_INVALID, "too many events in one body");
	else
		http_answer(run->request, status, "application/json",
			    (struct slice){ out.p, out.n }, 0);
	buf_reset(&out);
}
