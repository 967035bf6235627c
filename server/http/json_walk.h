/* server/http/json_walk.h -- member by member through a large object or array, found by its
 * punctuation alone; the values are judged by whoever reads them. Memory: none. Threads: any.
 * Blocking: never. */
#ifndef SERVER_HTTP_JSON_WALK_H
#define SERVER_HTTP_JSON_WALK_H

#include "storage/base/slice.h"

struct json_walk {
	struct slice text;
	size_t at;
	char close;
	bool first, broken;   /* broken: the text does not go on as it must */
};

/* False when text does not start with open: '{' or '['. */
bool json_walk_begin(struct json_walk *w, struct slice text, char open);
/* The next value and, in an object, its key as it stands there, quotes included. False at the end.
 */
bool json_walk_next(struct json_walk *w, struct slice *key, struct slice *value);
/* The value of the first member with that key; p == NULL: none. */
struct slice json_walk_find(struct slice object, struct slice quoted_key);
/* The text is a JSON array by its punctuation. */
bool json_walk_whole(struct slice array);

#endif
