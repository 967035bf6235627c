/* server/ingest/typed.h -- events sent as messages of api.analytics.v1 (proto/api/analytics/v1/events.proto):
 * read into the tree that their JSON form of schema version 2 has, so that one path judges both.
 * A message nests as deep as its descriptor says, whatever the bytes say.
 * Memory: nodes in the arena; strings point into the bytes. Threads: any. Blocking: never. */
#ifndef SERVER_INGEST_TYPED_H
#define SERVER_INGEST_TYPED_H

#include "server/ingest/event.h"

#include <protobuf-c/protobuf-c.h>

struct typed_row {
	struct slice topic;
	const ProtobufCMessageDescriptor *message;
};

const struct typed_row *typed_rows(size_t *n);                   /* one a topic */
const struct typed_row *typed_find(struct slice full_name);      /* NULL: no message of ours */

/* any: a google.protobuf.Any in wire form. Fills in->data, or in->bad_field when it is no message of ours or
 * one of another topic than the event's (in->type and in->topic are set before). False with *rej filled:
 * MALFORMED_JSON, or TOO_LARGE when the arena is full. */
bool typed_decode(struct arena *a, struct slice any, struct event_in *in, struct rejection *rej);

#endif
