/* server/rpc_table.h -- the one place where an RPC is added: a row here, a handler file, a test file. */
#ifndef SERVER_RPC_TABLE_H
#define SERVER_RPC_TABLE_H

#include "server/wire/call.h"

struct stream_ops; /* server/wire/stream.h */

struct rpc {
	const char *path;                        /* "/package.Service/Method" */
	const ProtobufCMessageDescriptor *in;    /* NULL: the handler takes the bytes as they are */
	call_fn *handle;                         /* unary */
	const struct stream_ops *stream;         /* or streaming */
	uint32_t deadline_ms;                    /* when the caller names none; 0: none */
	const char *http_path;                   /* GET, arguments are the request's fields; NULL: gRPC only */
	bool local_only;                         /* answers loopback peers only */
};

extern const struct rpc rpcs[];                  /* ends with path == NULL */

#endif
