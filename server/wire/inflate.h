/* server/wire/inflate.h -- bounded decompression of a gRPC message. The core would inflate a message of any
 * ratio before it looks at the size, so its own decompression is switched off and this one is used.
 * Memory: at most max_bytes, as one grpc_slice. Threads: any. Blocking: never. */
#ifndef SERVER_WIRE_INFLATE_H
#define SERVER_WIRE_INFLATE_H

#include "storage/base/err.h"

#include <grpc/grpc.h>

/* The message of b as one slice, inflated when it is compressed; the caller unrefs *out.
 * ERR_QUOTA: larger than max_bytes; ERR_INVALID: not what its encoding says. */
MUST_CHECK enum err_code inflate_message(grpc_byte_buffer *b, size_t max_bytes, grpc_slice *out, struct err *e);

#endif
