/* storage/base/buf.h -- growing byte buffer with a ceiling.
 * Memory: malloc, at most `limit` bytes. Failure (ceiling or memory) is sticky: `failed` is set, later
 * appends do nothing, and the caller looks once at the end. Threads: one. Blocking: never. */
#ifndef STORAGE_BASE_BUF_H
#define STORAGE_BASE_BUF_H

#include "storage/base/slice.h"

#include <stdint.h>

struct buf {
	char *p;
	size_t n, cap, limit; /* bytes */
	bool failed;
};

void buf_init(struct buf *b, size_t limit_bytes);
void buf_reset(struct buf *b);                           /* frees; usable again with the same limit */
void buf_clear(struct buf *b);                           /* n = 0, failed = false, keeps the memory */
char *buf_reserve(struct buf *b, size_t n);              /* room for n more bytes at the returned place, or NULL; n is added */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_json_string(struct buf *b, struct slice s);     /* quoted and escaped as JSON; s must be UTF-8 */

/* Big-endian integers, as PostgreSQL's binary format wants them. */
void buf_put16(struct buf *b, uint16_t v);
void buf_put32(struct buf *b, uint32_t v);
void buf_put64(struct buf *b, uint64_t v);

#endif
