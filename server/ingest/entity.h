/* server/ingest/entity.h -- whom an event is about, and where it stands in that one's order.
 * Memory: none kept. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_ENTITY_H
#define SERVER_INGEST_ENTITY_H

#include "server/ingest/fields.h"

/* Fills row's entity, when the event names one, and sequence, when in has an integer as its `sequence`. */
void entity_fill(const struct event_in *in, const struct event_fields *f, struct event_row *row);

#endif
