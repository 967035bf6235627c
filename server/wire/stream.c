#include "server/wire/stream.h"

#include "server/wire/inflate.h"
#include "server/wire/server.h"
#include "server/wire/status.h"
#include "storage/base/clock.h"

#include <grpc/byte_buffer.h>
#include <stdlib.h>

enum { ARENA_BYTES = 8 << 20 };

struct stream {
	struct stream *next, **at;         /* in the server's list while it is open */
	struct method *method;
	struct cq_tag on_request, on_close, on_read, on_sent, on_finished;
	grpc_call *core;
	grpc_byte_buffer *incoming, *outgoing;
	grpc_slice bytes;                  /* the message before, flat */
	grpc_slice details;
	grpc_metadata_array metadata;
	grpc_metadata trailer;
	gpr_timespec deadline;
	struct arena arena;
	void *state;
	uint64_t arrived_us;
	unsigned refs;                     /* operations under way */
	int cancelled, status;
	bool have_bytes, have_trailer;
	bool reading, sending, greeted;    /* greeted: initial metadata is out */
	bool finishing, finished;          /* stream_finish was called; its status batch was started */
};

#define STREAM_OF(t, member) ((struct stream *)((char *)(t)-offsetof(struct stream, member)))

static const struct stream_ops *ops_of(const struct stream *s)
{
	return s->method->rpc->stream;
}

static void stream_unref(struct stream *s)
{
	if (--s->refs)
		return;
	if (s->at) {
		*s->at = s->next;
		if (s->next)
			s->next->at = s->at;
	}
	if (s->core) {
		method_observe(s->method, s->cancelled ? 1 : s->status, s->arrived_us);
		ops_of(s)->gone(s);
		grpc_call_unref(s->core);
	}
	if (s->outgoing)
		grpc_byte_buffer_destroy(s->outgoing);
	if (s->have_bytes)
		grpc_slice_unref(s->bytes);
	if (s->have_trailer)
		grpc_slice_unref(s->trailer.value);
	grpc_slice_unref(s->details);
	grpc_metadata_array_destroy(&s->metadata);
	arena_reset(&s->arena);
	free(s);
}

/* Starts one batch; the reference it holds is dropped in its tag's callback. */
static bool start(struct stream *s, grpc_op *ops, size_t n, struct cq_tag *tag)
{
	s->refs++;
	if (grpc_call_start_batch(s->core, ops, n, tag, NULL) == GRPC_CALL_OK)
		return true;
	s->refs--;
	return false;
}

static void send_status(struct stream *s)
{
	grpc_op ops[2];
	size_t n = 0;

	if (!s->greeted)
		ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA };
	s->greeted = s->finished = true;
	ops[n] = (grpc_op){ .op = GRPC_OP_SEND_STATUS_FROM_SERVER };
	ops[n].data.send_status_from_server.status = (grpc_status_code)s->status;
	ops[n].data.send_status_from_server.status_details = &s->details;
	if (s->have_trailer) {
		ops[n].data.send_status_from_server.trailing_metadata = &s->trailer;
		ops[n].data.send_status_from_server.trailing_metadata_count = 1;
	}
	start(s, ops, n + 1, &s->on_finished);
}

static void on_finished(struct cq_tag *t, bool ok)
{
	(void)ok;
	stream_unref(STREAM_OF(t, on_finished));
}

static void on_sent(struct cq_tag *t, bool ok)
{
	struct stream *s = STREAM_OF(t, on_sent);

	s->sending = false;
	if (s->outgoing)
		grpc_byte_buffer_destroy(s->outgoing);
	s->outgoing = NULL;
	if (s->finishing && !s->finished)
		send_status(s);
	else if (ok && !s->finishing)
		ops_of(s)->writable(s);
	stream_unref(s);
}

static void deliver(struct stream *s)
{
	struct status why;
	struct err e;
	enum err_code rc;

	if (s->have_bytes)
		grpc_slice_unref(s->bytes);
	s->have_bytes = false;
	arena_rewind(&s->arena);
	rc = inflate_message(s->incoming, SERVER_MESSAGE_BYTES, &s->bytes, &e);
	grpc_byte_buffer_destroy(s->incoming);
	s->incoming = NULL;
	if (rc) {
		status_of(&why, rc, e.detail);
		stream_finish(s, &why);
		return;
	}
	s->have_bytes = true;
	ops_of(s)->message(s, (struct slice){ (char *)GRPC_SLICE_START_PTR(s->bytes),
					      GRPC_SLICE_LENGTH(s->bytes) });
}

static void on_read(struct cq_tag *t, bool ok)
{
	struct stream *s = STREAM_OF(t, on_read);

	s->reading = false;
	if (s->finishing) {
		if (s->incoming)
			grpc_byte_buffer_destroy(s->incoming);
		s->incoming = NULL;
	} else if (s->incoming) {
		deliver(s);
	} else if (ok && !s->cancelled) {
		ops_of(s)->half_closed(s);
	}
	stream_unref(s);
}

static void on_close(struct cq_tag *t, bool ok)
{
	struct stream *s = STREAM_OF(t, on_close);

	(void)ok;
	if (s->cancelled)
		s->finishing = s->finished = true; /* nobody is there to be told */
	stream_unref(s);
}

static void on_request(struct cq_tag *t, bool ok)
{
	struct stream *s = STREAM_OF(t, on_request);
	grpc_op close = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER };
	struct status denied;

	if (!ok) { /* the server shuts down */
		s->core = NULL;
		stream_unref(s);
		return;
	}
	stream_arm(s->method);
	s->arrived_us = clock_mono_us();
	s->at = server_streams(s->method->server);
	s->next = *s->at;
	if (s->next)
		s->next->at = &s->next;
	*s->at = s;
	close.data.recv_close_on_server.cancelled = &s->cancelled;
	start(s, &close, 1, &s->on_close);
	if (s->method->rpc->local_only && !server_peer_is_local(s->core)) {
		status_of(&denied, ERR_DENIED, "answers loopback peers only");
		stream_finish(s, &denied);
	} else {
		ops_of(s)->open(s);
	}
	stream_unref(s);
}

void stream_arm(struct method *m)
{
	struct stream *s = server_accepts(m->server) ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return;
	s->method = m;
	s->refs = 1;
	s->details = grpc_empty_slice();
	s->on_request.fire = on_request;
	s->on_close.fire = on_close;
	s->on_read.fire = on_read;
	s->on_sent.fire = on_sent;
	s->on_finished.fire = on_finished;
	arena_init(&s->arena, ARENA_BYTES);
	grpc_metadata_array_init(&s->metadata);
	if (grpc_server_request_registered_call(server_core(m->server), m->registered, &s->core, &s->deadline,
						&s->metadata, NULL, server_queue(m->server),
						server_queue(m->server), &s->on_request) != GRPC_CALL_OK)
		stream_unref(s);
}

const struct services *stream_services(const struct stream *s)
{
	return server_services(s->method->server);
}

struct arena *stream_arena(struct stream *s)
{
	return &s->arena;
}

void *stream_state(const struct stream *s)
{
	return s->state;
}

uint64_t stream_peer(const struct stream *s)
{
	return server_peer(s->core);
}

void stream_set_state(struct stream *s, void *state)
{
	s->state = state;
}

void stream_read(struct stream *s)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	if (s->reading || s->finishing)
		return;
	op.data.recv_message.recv_message = &s->incoming;
	s->reading = start(s, &op, 1, &s->on_read);
}

bool stream_sending(const struct stream *s)
{
	return s->sending;
}

/* Sends one message; takes the slice over. The first one brings the initial metadata with it. */
static bool send_slice(struct stream *s, grpc_slice packed)
{
	grpc_op ops[2];
	size_t n = 0;

	s->outgoing = grpc_raw_byte_buffer_create(&packed, 1);
	grpc_slice_unref(packed);
	if (!s->greeted)
		ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA };
	s->greeted = true;
	ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->outgoing };
	s->sending = start(s, ops, n, &s->on_sent);
	if (!s->sending) {
		grpc_byte_buffer_destroy(s->outgoing);
		s->outgoing = NULL;
	}
	return true; /* a stream that takes no more has ended: gone follows */
}

bool stream_send(struct stream *s, const ProtobufCMessage *msg)
{
	grpc_slice packed;

	if (s->sending || s->finishing)
		return false;
	packed = grpc_slice_malloc(protobuf_c_message_get_packed_size(msg));
	protobuf_c_message_pack(msg, GRPC_SLICE_START_PTR(packed));
	return send_slice(s, packed);
}

bool stream_send_packed(struct stream *s, void *bytes, size_t n)
{
	if (s->sending || s->finishing)
		return false;
	return send_slice(s, grpc_slice_new(bytes, n, free));
}

void stream_finish(struct stream *s, const struct status *why)
{
	struct slice details;

	if (s->finishing)
		return;
	s->finishing = true;
	if (why) {
		s->status = why->grpc;
		s->details = grpc_slice_from_copied_string(why->message);
		details = status_details(&s->arena, why);
		if (details.p) {
			s->trailer.key = grpc_slice_from_static_string("grpc-status-details-bin");
			s->trailer.value = grpc_slice_from_copied_buffer(details.p, details.n);
			s->have_trailer = true;
		}
	}
	if (!s->sending)
		send_status(s);
}

void stream_drain_all(struct server *server)
{
	struct stream *s, *next;
	struct status why;

	status_of(&why, ERR_STORE, "the server shuts down; try again");
	for (s = *server_streams(server); s; s = next) {
		next = s->next; /* a stream is freed only from its own completions, never from here */
		if (ops_of(s)->drain)
			ops_of(s)->drain(s);
		else
			stream_finish(s, &why);
	}
}
