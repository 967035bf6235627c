/* server/wire/grpc_call.c -- a unary call over gRPC: armed, taken, handled, answered once.
 * An answer given at once is one batch. A handler that waits gets RECV_CLOSE_ON_SERVER started alone first:
 * only then is a client that leaves noticed. A call lives until its last operation has completed. */
#include "server/wire/inflate.h"
#include "server/wire/server.h"
#include "server/wire/status.h"
#include "storage/base/clock.h"

#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 8 << 20, COMPRESS_FROM_BYTES = 1024 };

struct grpc_unary {
	struct call call;
	struct method *method;
	struct cq_tag on_request, on_close, on_sent;
	grpc_call *core;
	grpc_byte_buffer *payload, *answer;
	grpc_slice bytes;                  /* the request, flat */
	grpc_slice details;
	grpc_metadata_array metadata;
	grpc_metadata trailer;
	gpr_timespec deadline;
	unsigned refs;                     /* operations under way, and the handler until it has ended the call */
	int cancelled;
	bool watching;                     /* RECV_CLOSE_ON_SERVER was started */
	bool have_bytes, have_trailer;
};

static void unary_unref(struct grpc_unary *u)
{
	if (--u->refs)
		return;
	if (u->core)
		grpc_call_unref(u->core);
	if (u->payload)
		grpc_byte_buffer_destroy(u->payload);
	if (u->answer)
		grpc_byte_buffer_destroy(u->answer);
	if (u->have_bytes)
		grpc_slice_unref(u->bytes);
	if (u->have_trailer)
		grpc_slice_unref(u->trailer.value);
	grpc_slice_unref(u->details);
	grpc_metadata_array_destroy(&u->metadata);
	arena_reset(&u->call.arena);
	free(u);
}

static void on_close(struct cq_tag *t, bool ok)
{
	struct grpc_unary *u = (struct grpc_unary *)((char *)t - offsetof(struct grpc_unary, on_close));

	(void)ok;
	if (u->cancelled && !u->call.ended && u->call.on_cancel)
		u->call.on_cancel(&u->call);
	unary_unref(u);
}

static void on_sent(struct cq_tag *t, bool ok)
{
	(void)ok;
	unary_unref((struct grpc_unary *)((char *)t - offsetof(struct grpc_unary, on_sent)));
}

/* Starts the batch that ends the call; the handler's reference goes over to it. */
static void send_end(struct grpc_unary *u, grpc_op *ops, size_t n)
{
	if (!u->watching) {
		u->watching = true;
		ops[n++] = (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
				      .data.recv_close_on_server.cancelled = &u->cancelled };
	}
	if (grpc_call_start_batch(u->core, ops, n, &u->on_sent, NULL) != GRPC_CALL_OK)
		unary_unref(u);
}

static grpc_slice pack(const ProtobufCMessage *msg)
{
	grpc_slice s = grpc_slice_malloc(protobuf_c_message_get_packed_size(msg));

	protobuf_c_message_pack(msg, GRPC_SLICE_START_PTR(s));
	return s;
}

static void unary_reply(struct call *c, const ProtobufCMessage *msg)
{
	struct grpc_unary *u = (struct grpc_unary *)c;
	grpc_slice s = pack(msg);
	grpc_op ops[4] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE },
		{ .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
	};

	if (GRPC_SLICE_LENGTH(s) >= COMPRESS_FROM_BYTES) { /* with what the client accepts, if anything */
		ops[0].data.send_initial_metadata.maybe_compression_level.is_set = 1;
		ops[0].data.send_initial_metadata.maybe_compression_level.level = GRPC_COMPRESS_LEVEL_LOW;
	}
	u->answer = grpc_raw_byte_buffer_create(&s, 1);
	grpc_slice_unref(s);
	ops[1].data.send_message.send_message = u->answer;
	ops[2].data.send_status_from_server.status = GRPC_STATUS_OK;
	method_observe(u->method, 0, c->arrived_us);
	send_end(u, ops, 3);
}

static void unary_fail(struct call *c, const struct status *s)
{
	struct grpc_unary *u = (struct grpc_unary *)c;
	struct slice details = status_details(&c->arena, s);
	grpc_op ops[3] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
	};

	u->details = grpc_slice_from_copied_string(s->message);
	ops[1].data.send_status_from_server.status = (grpc_status_code)s->grpc;
	ops[1].data.send_status_from_server.status_details = &u->details;
	if (details.p) {
		u->trailer.key = grpc_slice_from_static_string("grpc-status-details-bin");
		u->trailer.value = grpc_slice_from_copied_buffer(details.p, details.n);
		u->have_trailer = true;
		ops[1].data.send_status_from_server.trailing_metadata = &u->trailer;
		ops[1].data.send_status_from_server.trailing_metadata_count = 1;
	}
	method_observe(u->method, s->grpc, c->arrived_us);
	send_end(u, ops, 2);
}

static uint64_t unary_peer(const struct call *c)
{
	return server_peer(((const struct grpc_unary *)c)->core);
}

static const struct call_ops unary_ops = { unary_reply, unary_fail, unary_peer };

static uint64_t mono_deadline(const struct grpc_unary *u)
{
	gpr_timespec left;
	int64_t us;
	const struct rpc *rpc = u->method->rpc;

	if (gpr_time_cmp(u->deadline, gpr_inf_future(u->deadline.clock_type)) == 0)
		return rpc_deadline_us(rpc, u->call.services->conf, u->call.arrived_us);
	left = gpr_time_sub(u->deadline, gpr_now(u->deadline.clock_type));
	us = left.tv_sec * 1000000 + left.tv_nsec / 1000;
	return u->call.arrived_us + (us > 0 ? (uint64_t)us : 0);
}

/* Flattens and unpacks the request and runs the handler; a bad request is answered here. */
static void handle(struct grpc_unary *u)
{
	const struct rpc *rpc = u->method->rpc;
	ProtobufCAllocator allocator = call_allocator(&u->call);
	ProtobufCMessage *req = NULL;
	enum err_code rc;
	struct err e;

	if (rpc->local_only && !server_peer_is_local(u->core)) {
		call_fail_code(&u->call, ERR_DENIED, "answers loopback peers only");
		return;
	}
	if (!u->payload) {
		call_fail_code(&u->call, ERR_INVALID, "the call carried no message");
		return;
	}
	rc = inflate_message(u->payload, SERVER_MESSAGE_BYTES, &u->bytes, &e);
	if (rc) {
		call_fail_code(&u->call, rc, e.detail);
		return;
	}
	u->have_bytes = true;
	grpc_byte_buffer_destroy(u->payload);
	u->payload = NULL;
	u->call.request = (struct slice){ (char *)GRPC_SLICE_START_PTR(u->bytes), GRPC_SLICE_LENGTH(u->bytes) };
	if (rpc->in) {
		req = protobuf_c_message_unpack(rpc->in, &allocator, u->call.request.n,
						(const uint8_t *)u->call.request.p);
		if (!req) {
			call_fail_code(&u->call, ERR_INVALID, "the message cannot be decoded");
			return;
		}
	}
	rpc->handle(&u->call, req);
}

static void on_request(struct cq_tag *t, bool ok)
{
	struct grpc_unary *u = (struct grpc_unary *)((char *)t - offsetof(struct grpc_unary, on_request));
	grpc_op close = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };

	if (!ok) { /* the server shuts down */
		unary_unref(u);
		return;
	}
	unary_arm(u->method);
	u->call.arrived_us = clock_mono_us();
	u->call.deadline_us = mono_deadline(u);
	u->refs++; /* ours, while we look at it below */
	handle(u);
	if (!u->call.ended) {
		u->watching = true;
		close.data.recv_close_on_server.cancelled = &u->cancelled;
		u->refs++;
		if (grpc_call_start_batch(u->core, &close, 1, &u->on_close, NULL) != GRPC_CALL_OK)
			u->refs--;
	}
	unary_unref(u);
}

void unary_arm(struct method *m)
{
	struct grpc_unary *u = server_accepts(m->server) ? calloc(1, sizeof(*u)) : NULL;

	if (!u)
		return;
	u->method = m;
	u->refs = 1;
	u->call.ops = &unary_ops;
	u->call.services = server_services(m->server);
	u->details = grpc_empty_slice();
	u->on_request.fire = on_request;
	u->on_close.fire = on_close;
	u->on_sent.fire = on_sent;
	arena_init(&u->call.arena, ARENA_BYTES);
	grpc_metadata_array_init(&u->metadata);
	if (grpc_server_request_registered_call(server_core(m->server), m->registered, &u->core, &u->deadline,
						&u->metadata, &u->payload, server_queue(m->server),
						server_queue(m->server), &u->on_request) != GRPC_CALL_OK)
		unary_unref(u);
}
