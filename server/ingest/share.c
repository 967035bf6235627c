#include "server/ingest/share.h"

enum { CRUMBS = 256 };

static size_t *of(struct share *s, uint64_t source)
{
	return &s->by[source % SHARE_SLOTS];
}

bool share_take(struct share *s, uint64_t source, size_t bytes)
{
	size_t *mine = of(s, source), free = s->limit - s->used;

	if (bytes > free || (s->used && *mine + bytes > free / 2 && bytes > free / CRUMBS))
		return false;
	*mine += bytes;
	s->used += bytes;
	return true;
}

void share_give(struct share *s, uint64_t source, size_t bytes)
{
	*of(s, source) -= bytes;
	s->used -= bytes;
}
