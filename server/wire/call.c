#include "server/wire/call.h"

#include <assert.h>
#include <stdio.h>

enum { RETRY_AFTER_MS = 1000 };

void call_reply(struct call *c, const ProtobufCMessage *msg)
{
	assert(!c->ended);
	c->ended = true;
	c->ops->reply(c, msg);
}

void call_fail(struct call *c, const struct status *s)
{
	assert(!c->ended);
	c->ended = true;
	c->ops->fail(c, s);
}

void call_fail_code(struct call *c, enum err_code code, const char *message)
{
	struct status s;

	status_of(&s, code, message);
	call_fail(c, &s);
}

void call_fail_field(struct call *c, const char *field, const char *description)
{
	struct status s;

	status_of(&s, ERR_INVALID, "");
	snprintf(s.message, sizeof(s.message), "%s: %s", field, description);
	s.nviolations = 1;
	s.violations[0] = (struct violation){ field, description };
	call_fail(c, &s);
}

void status_of(struct status *s, enum err_code code, const char *message)
{
	static const char *const reasons[ERR_COUNT] = {
		[ERR_INVALID] = "INVALID_ARGUMENT",   [ERR_NOT_FOUND] = "NOT_FOUND",
		[ERR_PRECONDITION] = "FAILED_PRECONDITION",  [ERR_DENIED] = "PERMISSION_DENIED",
		[ERR_QUOTA] = "OVERLOADED",           [ERR_STORE] = "DATABASE_UNAVAILABLE",
		[ERR_RETRY] = "CONFLICTING_WRITE",    [ERR_DATA] = "DATA_REFUSED",
		[ERR_DEADLINE] = "DEADLINE_EXCEEDED", [ERR_CANCELLED] = "CANCELLED",
		[ERR_UNKNOWN_CALL] = "UNIMPLEMENTED", [ERR_INTERNAL] = "INTERNAL",
	};

	*s = (struct status){ .grpc = err_grpc_status(code), .reason = reasons[code] };
	snprintf(s->message, sizeof(s->message), "%s", message);
	if (code == ERR_QUOTA || code == ERR_STORE || code == ERR_RETRY)
		s->retry_ms = RETRY_AFTER_MS;
}

uint64_t call_peer(const struct call *c)
{
	return c->ops->peer(c);
}

ProtobufCAllocator call_allocator(struct call *c)
{
	return arena_allocator(&c->arena);
}
