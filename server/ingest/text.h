/* server/ingest/text.h -- a growing run of bytes in an arena.
 * Memory: the arena's; growing leaves the smaller copy behind in it. Failure (arena full) is sticky: the
 * caller looks once at the end. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_TEXT_H
#define SERVER_INGEST_TEXT_H

#include "storage/base/arena.h"
#include "storage/base/slice.h"

#include <stdint.h>

struct text {
	struct arena *a;
	char *p;
	size_t n, cap; /* bytes */
	bool failed;
};

void text_init(struct text *t, struct arena *a, size_t expected_bytes);
bool text_grow(struct text *t, size_t more_bytes);
void text_json(struct text *t, struct slice s);   /* quoted and escaped as JSON; s must be UTF-8 */
void text_int(struct text *t, int64_t v);
void text_decimal(struct text *t, int64_t minor, unsigned scale); /* minor / 10^scale, not negative */

static inline void text_put(struct text *t, const char *p, size_t n)
{
	if (t->cap - t->n < n && !text_grow(t, n))
		return;
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static inline void text_putc(struct text *t, char c)
{
	text_put(t, &c, 1);
}

static inline void text_puts(struct text *t, const char *s)
{
	text_put(t, s, strlen(s));
}

static inline void text_slice(struct text *t, struct slice s)
{
	if (s.n)
		text_put(t, s.p, s.n);
}

static inline struct slice text_done(const struct text *t)
{
	return (struct slice){ t->p, t->n };
}

#endif
