/* storage/base/json.h -- a strict JSON reader (RFC 8259) into an arena.
 * Refused: NUL (raw or \u0000), lone surrogates, invalid UTF-8, depth over 64, duplicate keys, trailing
 * bytes. Numbers are kept as their text, so money and 64-bit ids stay exact (a reader that makes doubles
 * of them cannot give that back, and refuses 1e400, which is valid JSON).
 * Memory: nodes and unescaped strings in the caller's arena; strings without escapes point into the text,
 * which must outlive the nodes. Time: linear. Threads: any. Blocking: never. */
#ifndef STORAGE_BASE_JSON_H
#define STORAGE_BASE_JSON_H

#include "storage/base/arena.h"
#include "storage/base/slice.h"

#include <stdint.h>

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	uint32_t count;        /* members or elements */
	struct slice text;     /* number: as sent; string: unescaped */
	struct slice key;      /* when a member of an object; unescaped */
	struct json *child;    /* first member or element */
	struct json *next;     /* next sibling */
};

enum { JSON_MAX_DEPTH = 64 };

/* NULL when the text is not acceptable or the arena is full; *why (static text) says which:
 * "out of memory" for the latter, else for people. */
struct json *json_parse(struct arena *a, struct slice text, const char **why);
const struct json *json_get(const struct json *object, const char *key); /* NULL when absent or no object */
/* The span of the value that starts at or after text.p[*at] (white space skipped), found by quotes and
 * brackets alone, without judging it; *at moves behind it. p == NULL when there is none. For walking a
 * large array element by element. */
struct slice json_skip(struct slice text, size_t *at);
/* One value and nothing else, by its quotes and brackets: it may stand inside a larger text. */
bool json_one_value(struct slice text);
bool json_utf8_valid(struct slice s);   /* NUL counts as invalid */

#endif
