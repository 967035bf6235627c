/* server/http/media.h -- Content-Type values. Memory: none. Threads: any. Blocking: never. */
#ifndef SERVER_HTTP_MEDIA_H
#define SERVER_HTTP_MEDIA_H

#include "storage/base/slice.h"

#include <strings.h>

/* The media type without its parameters and the blanks around it. */
static inline struct slice media_type(struct slice header)
{
	const char *end = header.p ? memchr(header.p, ';', header.n) : NULL;

	if (end)
		header.n = (size_t)(end - header.p);
	while (header.n && (*header.p == ' ' || *header.p == '\t'))
		header.p++, header.n--;
	while (header.n && (header.p[header.n - 1] == ' ' || header.p[header.n - 1] == '\t'))
		header.n--;
	return header;
}

static inline bool media_is(struct slice header, const char *type)
{
	struct slice t = media_type(header);

	return t.n == strlen(type) && strncasecmp(t.p, type, t.n) == 0;
}

/* application/json, text/json and every ...+json. */
static inline bool media_is_json(struct slice header)
{
	struct slice t = media_type(header);

	return (t.n > 5 && strncasecmp(t.p + t.n - 5, "+json", 5) == 0) ||
	       (t.n > 5 && strncasecmp(t.p + t.n - 5, "/json", 5) == 0);
}

#endif
