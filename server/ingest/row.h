/* server/ingest/row.h -- checked fields to an anonymized row.
 * Memory: the arena. Threads: one. Blocking: never. Errors: p->failed when the arena is full. */
#ifndef SERVER_INGEST_ROW_H
#define SERVER_INGEST_ROW_H

#include "server/ingest/fields.h"

/* The members of data that are no properties: identity, time, version. */
bool data_is_envelope(struct slice key);
/* Is this a member of an item that has its place in the column items? */
bool item_is_named(struct slice key);
/* Fills the columns that come from data, items among them. */
void row_columns(struct pii *p, const struct event_fields *f, struct event_row *row);
/* Everything else of data as a JSON object. */
struct slice row_properties(struct pii *p, const struct event_fields *f);

#endif
