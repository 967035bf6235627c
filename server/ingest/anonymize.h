/* server/ingest/anonymize.h -- writes JSON without the personal data in it.
 * Memory: into *t. Threads: one a struct pii. Blocking: never. Errors: p->failed, t->failed. */
#ifndef SERVER_INGEST_ANONYMIZE_H
#define SERVER_INGEST_ANONYMIZE_H

#include "server/ingest/pii.h"

/* What may stay of a string under a key of this kind. */
struct slice anonymize_text(struct pii *p, enum pii_kind kind, struct slice s);
void anonymize_value(struct pii *p, struct text *t, const struct json *v);
/* Writes `,"key":value` (the comma only after other members), unless the member is dropped. */
void anonymize_member(struct pii *p, struct text *t, const struct json *m);
/* `"key":`, with the comma where one is due. */
void anonymize_key(struct text *t, struct slice key);

#endif
