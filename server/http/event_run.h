/* server/http/event_run.h -- the events of one HTTP body through ingest: one event, or an array
 * chunk by chunk, so that a body of many thousands neither holds the loop nor piles up results.
 * Memory: the run and its element list in the request's arena; a chunk's texts in its own. Threads:
 * the reactor. Blocking: never. */
#ifndef SERVER_HTTP_EVENT_RUN_H
#define SERVER_HTTP_EVENT_RUN_H

#include "server/http/http.h"
#include "server/http/json_walk.h"
#include "server/ingest/ingest.h"

struct event_run;
struct event_run_ops {
	/* The event's bytes in an element, the i-th of this chunk. */
	struct slice (*event)(struct event_run *run, struct slice element, uint32_t i);
	/* This chunk's events (run->n of them) are settled; q is NULL when there was no room for
	 * them. False: the rest is not wanted. */
	bool (*settled)(struct event_run *run, const struct ingest_request *q);
	/* The last call: answers the request, which may free the run. */
	void (*end)(struct event_run *run);
};

struct event_run {
	const struct event_run_ops *ops;
	struct http_request *request;
	struct slice route;              /* as rejections of unreadable bytes name it */
	uint64_t source;                 /* who sends */
	struct slice single;             /* the one event, when it is not an array's */
	struct json_walk walk;
	struct slice *elements, *ids;    /* of this chunk; ids are the ops' */
	uint32_t n, before;              /* events in this chunk, and in those before */
	bool last;
	struct arena arena;              /* this chunk's */
	struct buf out;                  /* the answer so far */
	uint32_t outcomes[OUT_OUTCOMES]; /* of all chunks so far */
	bool unavailable;                /* for ops: some could not be stored now */
	struct rejection rejected;       /* for ops: of a single event */
};

/* Runs events: of array (by json_walk_whole; it must live on in the request) when it has a p, else
 * the single one, whose bytes need not outlive this call. */
void event_run_start(struct http_request *r, const struct event_run_ops *ops, struct slice array,
		     struct slice single);
/* ,"error":{"code":..,"field":..,"message":..} */
void event_run_print_error(struct buf *b, const struct rejection *rej);
/* Ends the run with what was printed. */
void event_run_answer(struct event_run *run, unsigned status);

#endif
