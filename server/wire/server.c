#include "server/wire/server.h"

#include "storage/base/clock.h"
#include "storage/base/metrics.h"

#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	ARMED_UNARY = 16,         /* requests waiting for a call, a method */
	ARMED_STREAM = 4,
	MAX_CONCURRENT_STREAMS = 100,
	MAX_METADATA_BYTES = 8192,
	KEEPALIVE_MS = 60000,
	KEEPALIVE_TIMEOUT_MS = 20000,
	MIN_PING_INTERVAL_MS = 10000,
	HANDSHAKE_MS = 10000,     /* for a client to speak HTTP/2 */
	MAX_CONNECTION_AGE_MS = 30 * 60 * 1000, /* so that load spreads over new replicas */
	MAX_CONNECTION_AGE_GRACE_MS = 60 * 1000,
};

struct server {
	grpc_server *core;
	struct cq *cq;
	const struct services *services;
	struct method *methods;            /* one a row, and one for everything else at the end */
	unsigned nmethods;
	struct stream *streams;            /* open ones */
	bool draining;
	struct cq_tag on_drained;
	void (*drained)(void *ctx);
	void *drained_ctx;
};

struct unknown {                           /* an armed request for methods that no row names */
	struct cq_tag on_request, on_sent;
	struct server *server;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
	int cancelled;
};

grpc_server *server_core(struct server *s)
{
	return s->core;
}

grpc_completion_queue *server_queue(struct server *s)
{
	return cq_queue(s->cq);
}

const struct services *server_services(struct server *s)
{
	return s->services;
}

struct stream **server_streams(struct server *s)
{
	return &s->streams;
}

bool server_accepts(const struct server *s)
{
	return !s->draining;
}

bool server_peer_is_local(grpc_call *core)
{
	char *peer = grpc_call_get_peer(core);
	bool local = peer && (!strncmp(peer, "ipv4:127.", 9) || !strncmp(peer, "ipv6:[::1]", 10) ||
			      !strncmp(peer, "ipv6:%5B::1%5D", 14) || !strncmp(peer, "unix:", 5));

	gpr_free(peer);
	return local;
}

uint64_t server_peer(grpc_call *core)
{
	char *peer = grpc_call_get_peer(core);
	uint64_t hash = peer ? XXH3_64bits(peer, strlen(peer)) : 0;

	gpr_free(peer);
	return hash;
}

void method_observe(struct method *m, int status, uint64_t arrived_us)
{
	static const char *const names[17] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
		"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
		"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	};
	unsigned i = status >= 0 && status < 17 ? (unsigned)status : 2;

	if (!m->latency[i])
		m->latency[i] = metric_get(M_RPC, m->rpc->path + 1, names[i]);
	metric_observe(m->latency[i], (double)(clock_mono_us() - arrived_us) / 1e6);
}

static void unknown_free(struct unknown *u)
{
	if (u->call)
		grpc_call_unref(u->call);
	grpc_call_details_destroy(&u->details);
	grpc_metadata_array_destroy(&u->metadata);
	free(u);
}

static void unknown_sent(struct cq_tag *t, bool ok)
{
	(void)ok;
	unknown_free((struct unknown *)((char *)t - offsetof(struct unknown, on_sent)));
}

static void unknown_arm(struct server *s);

static void unknown_taken(struct cq_tag *t, bool ok)
{
	struct unknown *u = (struct unknown *)((char *)t - offsetof(struct unknown, on_request));
	grpc_slice text = grpc_slice_from_static_string("unknown method");
	grpc_op ops[3] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_RECV_CLOSE_ON_SERVER },
		{ .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
	};

	if (!ok) {
		unknown_free(u);
		return;
	}
	unknown_arm(u->server);
	ops[1].data.recv_close_on_server.cancelled = &u->cancelled;
	ops[2].data.send_status_from_server.status = GRPC_STATUS_UNIMPLEMENTED;
	ops[2].data.send_status_from_server.status_details = &text;
	u->on_sent.fire = unknown_sent;
	if (grpc_call_start_batch(u->call, ops, 3, &u->on_sent, NULL) != GRPC_CALL_OK)
		unknown_free(u);
}

static void unknown_arm(struct server *s)
{
	struct unknown *u = server_accepts(s) ? calloc(1, sizeof(*u)) : NULL;

	if (!u)
		return;
	u->server = s;
	u->on_request.fire = unknown_taken;
	grpc_call_details_init(&u->details);
	grpc_metadata_array_init(&u->metadata);
	if (grpc_server_request_call(s->core, &u->call, &u->details, &u->metadata, cq_queue(s->cq),
				     cq_queue(s->cq), &u->on_request) != GRPC_CALL_OK)
		unknown_free(u);
}

static grpc_arg int_arg(const char *key, int value)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value };
}

static grpc_server *core_create(void)
{
	grpc_arg args[] = {
		int_arg(GRPC_ARG_ALLOW_REUSEPORT, 1),
		int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, SERVER_MESSAGE_BYTES),
		int_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, SERVER_MESSAGE_BYTES),
		int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, MAX_CONCURRENT_STREAMS),
		int_arg(GRPC_ARG_MAX_METADATA_SIZE, MAX_METADATA_BYTES),
		int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0), /* bounded: inflate.c */
		int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
		int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
		int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, MIN_PING_INTERVAL_MS),
		int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		int_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_MS),
		int_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, MAX_CONNECTION_AGE_MS),
		int_arg(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, MAX_CONNECTION_AGE_GRACE_MS),
	};
	grpc_channel_args list = { sizeof(args) / sizeof(*args), args };

	return grpc_server_create(&list, NULL);
}

static enum err_code register_methods(struct server *s, struct err *e)
{
	const struct rpc *r;

	for (r = rpcs; r->path; r++)
		s->nmethods++;
	s->methods = calloc(s->nmethods, sizeof(*s->methods));
	if (!s->methods)
		return err_set(e, ERR_QUOTA, "no memory for the method table");
	for (unsigned i = 0; i < s->nmethods; i++) {
		struct method *m = &s->methods[i];

		m->rpc = &rpcs[i];
		m->server = s;
		m->registered = grpc_server_register_method(
			s->core, m->rpc->path, NULL,
			m->rpc->stream ? GRPC_SRM_PAYLOAD_NONE : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
	}
	return ERR_OK;
}

static void arm_all(struct server *s)
{
	for (unsigned i = 0; i < s->nmethods; i++) {
		struct method *m = &s->methods[i];

		for (int k = 0; k < (m->rpc->stream ? ARMED_STREAM : ARMED_UNARY); k++)
			(m->rpc->stream ? stream_arm : unary_arm)(m);
	}
	unknown_arm(s); /* none armed: unknown methods would hang instead of failing */
}

enum err_code server_create(struct server **out, struct cq *cq, const struct services *services,
			    const char *address, unsigned port, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	grpc_server_credentials *plain = grpc_insecure_server_credentials_create();
	char where[80];
	int bound;

	if (!s)
		return err_set(e, ERR_QUOTA, "no memory for a server");
	s->cq = cq;
	s->services = services;
	s->core = core_create();
	grpc_server_register_completion_queue(s->core, cq_queue(cq), NULL);
	if (register_methods(s, e)) {
		grpc_server_credentials_release(plain);
		return e ? e->code : ERR_QUOTA;
	}
	snprintf(where, sizeof(where), strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, port);
	bound = grpc_server_add_http2_port(s->core, where, plain);
	grpc_server_credentials_release(plain);
	if (!bound)
		return err_set(e, ERR_PRECONDITION, "cannot listen on %s for gRPC", where);
	grpc_server_start(s->core);
	arm_all(s);
	*out = s;
	return ERR_OK;
}

static void on_drained(struct cq_tag *t, bool ok)
{
	struct server *s = (struct server *)((char *)t - offsetof(struct server, on_drained));

	(void)ok;
	s->drained(s->drained_ctx);
}

void server_drain(struct server *s, void (*drained)(void *ctx), void *ctx)
{
	s->draining = true;
	s->drained = drained;
	s->drained_ctx = ctx;
	s->on_drained.fire = on_drained;
	grpc_server_shutdown_and_notify(s->core, cq_queue(s->cq), &s->on_drained);
	stream_drain_all(s);
}

void server_cancel_all(struct server *s)
{
	grpc_server_cancel_all_calls(s->core);
}

struct server *server_destroy(struct server *s)
{
	if (!s)
		return NULL;
	grpc_server_destroy(s->core);
	free(s->methods);
	free(s);
	return NULL;
}
