/* server/http/http_args.h -- query arguments into a request message, by its descriptor.
 * An argument (lowerCamelCase or snake_case) sets the field of that name; a repeated field takes
 * one element a key. Message and bytes fields cannot be set this way. Memory: everything in the
 * arena. Threads: any. Blocking: never. */
#ifndef SERVER_HTTP_HTTP_ARGS_H
#define SERVER_HTTP_HTTP_ARGS_H

#include "server/wire/call.h"

struct http_args {
	struct arena *arena;
	ProtobufCMessage *message;
	struct status status; /* with a violation for each bad argument; good when it has none */
};

/* False when the arena is full. */
bool http_args_begin(struct http_args *a, struct arena *arena, const ProtobufCMessageDescriptor *d);
void http_args_set(void *args, struct slice name,
		   struct slice value); /* shaped for http_each_arg */

#endif
