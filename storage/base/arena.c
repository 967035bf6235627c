#include "storage/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 16384 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t cap, at;
	alignas(max_align_t) unsigned char mem[];
};

void arena_init(struct arena *a, size_t limit_bytes)
{
	*a = (struct arena){ .limit = limit_bytes };
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t al = alignof(max_align_t);
	struct arena_chunk *c = a->chunks;

	if (n > a->limit - a->used) /* first: the rounding below cannot wrap then */
		return NULL;
	n = (n + al - 1) & ~(al - 1);
	if (!c || c->cap - c->at < n) {
		size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct arena_chunk){ .next = a->chunks, .cap = cap };
		a->chunks = c;
	}
	c->at += n;
	a->used = a->used + n > a->limit ? a->limit : a->used + n;
	return c->mem + c->at - n;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
	void *p = arena_alloc(a, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n < (size_t)-1 ? arena_alloc(a, n + 1) : NULL;

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

static void free_chunks(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void arena_rewind(struct arena *a)
{
	struct arena_chunk *c = a->chunks;

	a->used = 0;
	if (!c)
		return;
	free_chunks(c->next);
	c->next = NULL;
	c->at = 0;
	if (c->cap > CHUNK_BYTES) { /* one large event must not make every later one dear */
		free(c);
		a->chunks = NULL;
	}
}

void arena_reset(struct arena *a)
{
	free_chunks(a->chunks);
	a->chunks = NULL;
	a->used = 0;
}
