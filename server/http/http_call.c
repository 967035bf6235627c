#include "server/http/http_call.h"

#include "server/http/http_args.h"
#include "server/http/http_error.h"
#include "server/http/json_print.h"
#include "server/rpc_table.h"
#include "storage/base/clock.h"

#include <stddef.h>

enum { CALL_ARENA_BYTES = 8 << 20, ANSWER_BYTES = 16 << 20 };

struct http_call {
	struct call call;
	struct http_request *request;
};

static struct http_call *of(struct call *c)
{
	return (struct http_call *)((char *)c - offsetof(struct http_call, call));
}

/* The answer may end the request, and with it the memory the call itself lives in. */
static void finish(struct call *c, const struct status *failure, struct slice json)
{
	struct arena arena = c->arena; /* failure's texts may live there */

	if (failure)
		http_fail(of(c)->request, failure);
	else
		http_answer(of(c)->request, 200, "application/json", json, 0);
	arena_reset(&arena);
}

static void on_reply(struct call *c, const ProtobufCMessage *msg)
{
	struct status s;
	struct buf b;

	buf_init(&b, ANSWER_BYTES);
	json_print(&b, msg);
	if (b.failed)
		status_of(&s, ERR_QUOTA, "the answer is too large; ask for less");
	finish(c, b.failed ? &s : NULL, (struct slice){ b.p, b.n });
	buf_reset(&b);
}

static void on_fail(struct call *c, const struct status *s)
{
	finish(c, s, (struct slice){ 0 });
}

static uint64_t on_peer(const struct call *c)
{
	return http_peer(((const struct http_call *)c)->request);
}

static void on_client_gone(void *ctx)
{
	struct http_call *h = ctx;

	if (!h->call.ended && h->call.on_cancel)
		h->call.on_cancel(&h->call);
}

static const struct rpc *find(struct slice path)
{
	for (const struct rpc *row = rpcs; row->path; row++)
		if (row->http_path && row->in && row->handle && !row->local_only &&
		    slice_is(path, row->http_path))
			return row;
	return NULL;
}

void http_call_get(struct http_request *r)
{
	static const struct call_ops ops = { on_reply, on_fail, on_peer };
	const struct rpc *row = find(http_path(r));
	struct http_call *h;
	struct http_args args;

	if (!row) {
		http_error(r, 404, ERR_NOT_FOUND, "there is nothing at this path");
		return;
	}
	h = arena_zalloc(http_arena(r), sizeof(*h));
	if (!h || !http_args_begin(&args, http_arena(r), row->in)) {
		http_error(r, 503, ERR_QUOTA, "out of memory");
		return;
	}
	http_each_arg(r, http_args_set, &args);
	if (args.status.nviolations) {
		http_fail(r, &args.status);
		return;
	}
	h->request = r;
	h->call = (struct call){ .ops = &ops,
				 .services = http_services(r),
				 .arrived_us = clock_mono_us() };
	h->call.deadline_us =
		rpc_deadline_us(row, h->call.services->conf, h->call.arrived_us);
	arena_init(&h->call.arena, CALL_ARENA_BYTES);
	http_on_gone(r, on_client_gone, h);
	row->handle(&h->call, args.message);
}
