/* storage/base/arena.h -- bump allocator: lives and dies with one request or one event.
 * Memory: chunks from malloc, at most `limit` bytes handed out; the first chunk survives arena_rewind.
 * Threads: one. Blocking: never. Errors: NULL once over the limit or out of memory. */
#ifndef STORAGE_BASE_ARENA_H
#define STORAGE_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;  /* newest first */
	size_t used, limit;          /* bytes */
};

void arena_init(struct arena *a, size_t limit_bytes);
void *arena_alloc(struct arena *a, size_t bytes);              /* aligned for any type, not zeroed */
void *arena_zalloc(struct arena *a, size_t bytes);             /* zeroed */
char *arena_strndup(struct arena *a, const char *s, size_t n); /* NUL-terminated copy */
void arena_rewind(struct arena *a);                            /* forgets all, keeps one chunk for reuse */
void arena_reset(struct arena *a);                             /* frees all; usable again */

#endif
