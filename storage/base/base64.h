/* storage/base/base64.h -- RFC 4648 base64, with padding. Memory: the caller's. Threads: any.
 * Blocking: never. */
#ifndef STORAGE_BASE_BASE64_H
#define STORAGE_BASE_BASE64_H

#include "storage/base/arena.h"
#include "storage/base/buf.h"

void base64_print(struct buf *b, struct slice bytes);
/* p == NULL when text is not base64 (padding may be missing) or the arena is full. */
struct slice base64_read(struct arena *a, struct slice text);

#endif
