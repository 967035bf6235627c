/* server/reflection.h -- gRPC server reflection (v1 and v1alpha, the same messages) over the descriptor set
 * that the build embeds, so that `grpcurl list`, `describe` and calls need no .proto files.
 * Memory: an index made once at start. Threads: the reactor. Blocking: never. */
#ifndef SERVER_REFLECTION_H
#define SERVER_REFLECTION_H

#include "server/wire/stream.h"

MUST_CHECK enum err_code reflection_init(struct err *e);   /* once, before serving */
void reflection_reset(void);
bool reflection_has_service(const char *full_name);        /* one that rpcs[] serves */
/* The embedded set; lives until reflection_reset. */
const struct Google__Protobuf__FileDescriptorSet *reflection_files(void);
extern const struct stream_ops reflection_stream;

#endif
