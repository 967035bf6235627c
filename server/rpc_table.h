/* server/rpc_table.h -- the one place where an RPC is added: a row here, a handler file, a test file. */
#ifndef SERVER_RPC_TABLE_H
#define SERVER_RPC_TABLE_H

#include "server/wire/call.h"
#include "storage/base/conf.h"

struct stream_ops; /* server/wire/stream.h */

#define RPC_QUERY_MS UINT32_MAX  /* QUERY_TIMEOUT_MS of the settings */

struct rpc {
	const char *path;                        /* "/package.Service/Method" */
	const ProtobufCMessageDescriptor *in;    /* NULL, and of streams: the handler takes the bytes as they are */
	call_fn *handle;                         /* unary */
	const struct stream_ops *stream;         /* or streaming */
	uint32_t deadline_ms;                    /* when the caller names none; 0: none; or RPC_QUERY_MS */
	const char *http_path;                   /* GET, arguments are the request's fields; NULL: gRPC only (a
						    stream's as server-sent events has a row in http_table.c) */
	bool local_only;                         /* answers loopback peers only */
};

extern const struct rpc rpcs[];                  /* ends with path == NULL */

/* The deadline of a call whose caller named none. */
static inline uint64_t rpc_deadline_us(const struct rpc *r, const struct conf *c, uint64_t arrived_us)
{
	uint32_t ms = r->deadline_ms == RPC_QUERY_MS ? c->query_timeout_ms : r->deadline_ms;

	return ms ? arrived_us + ms * UINT64_C(1000) : UINT64_MAX;
}

#endif
