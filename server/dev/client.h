/* server/dev/client.h -- a small blocking HTTP client for the dev command's own service.
 * Memory: the caller's. Threads: any. Blocking: yes, at most 30 s a step. */
#ifndef SERVER_DEV_CLIENT_H
#define SERVER_DEV_CLIENT_H

#include "storage/base/conf.h"
#include "storage/base/slice.h"

/* Where a client on this machine reaches what listens on conf's address. */
const char *client_host(const struct conf *c);

/* One request on a connection of its own. The status, or 0 when there was no answer; the answer's body,
 * NUL-terminated and cut to cap, in answer. content_type NULL: a GET without a body. */
unsigned client_call(const struct conf *c, const char *path, const char *content_type, struct slice body, char *answer,
		     size_t cap);

#endif
