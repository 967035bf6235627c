/* server/wire/call.h -- one question from a client, whichever door it came through.
 * A handler reads its request, and ends the call exactly once with call_reply or call_fail, now or later on
 * the reactor. Nothing in the call's arena is used after that.
 * Memory: the call owns its arena (ceiling 8 MiB beyond the request). Threads: the reactor. Blocking: never. */
#ifndef SERVER_WIRE_CALL_H
#define SERVER_WIRE_CALL_H

#include "storage/base/arena.h"
#include "storage/base/err.h"
#include "storage/base/slice.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

struct services; /* server/services.h: what handlers work with (stores, pools, settings) */

enum { CALL_MAX_VIOLATIONS = 8 };
struct violation {
	const char *field;        /* lowerCamelCase path in the request */
	const char *description;
};

/* Why a call failed, as both doors tell it (google.rpc.Status; over HTTP the same as JSON). */
struct status {
	int grpc;                 /* gRPC status code */
	char message[240];
	const char *reason;       /* ErrorInfo.reason, UPPER_SNAKE; static */
	uint32_t retry_ms;        /* RetryInfo and Retry-After; 0: none */
	unsigned nviolations;
	struct violation violations[CALL_MAX_VIOLATIONS]; /* texts live until the call ends */
};

struct call;
struct call_ops {
	void (*reply)(struct call *c, const ProtobufCMessage *msg); /* packs msg before it returns */
	void (*fail)(struct call *c, const struct status *s);
	uint64_t (*peer)(const struct call *c);
};

struct call {
	const struct call_ops *ops;
	const struct services *services;
	struct arena arena;
	struct slice request;        /* the request's bytes (gRPC); absent over HTTP */
	uint64_t arrived_us;         /* clock_mono_us() */
	uint64_t deadline_us;        /* clock_mono_us() by which the caller wants its answer */
	void (*on_cancel)(struct call *c); /* set by a handler that waits: the caller left; it must still end the call */
	void *state;                 /* the handler's, in the arena */
	bool ended;
};

/* A handler: req is the unpacked request (NULL for rows that take the bytes as they are). */
typedef void call_fn(struct call *c, const ProtobufCMessage *req);

void call_reply(struct call *c, const ProtobufCMessage *msg);
void call_fail(struct call *c, const struct status *s);
void call_fail_code(struct call *c, enum err_code code, const char *message); /* reason = the code's name, retry where it may */
/* Fills *s for a code: its gRPC status, reason, and a delay where trying again makes sense. */
void status_of(struct status *s, enum err_code code, const char *message);
/* INVALID_ARGUMENT for one field. */
void call_fail_field(struct call *c, const char *field, const char *description);
/* Tells the connections that calls come from apart: a hash. */
uint64_t call_peer(const struct call *c);
/* A protobuf-c allocator over the call's arena. */
ProtobufCAllocator call_allocator(struct call *c);

static inline void *arena_pb_alloc(void *a, size_t n)
{
	return arena_alloc(a, n);
}

static inline void arena_pb_free(void *a, void *p)
{
	(void)a, (void)p;
}

static inline ProtobufCAllocator arena_allocator(struct arena *a)
{
	return (ProtobufCAllocator){ arena_pb_alloc, arena_pb_free, a };
}

#endif
