/* server/ingest/suppress.h -- people who were erased: an event of theirs that is older than the erasure is
 * nobody's when it comes (again). Event time decides: what a customer does after that counts as a new person's.
 * The identities are known by keyed hashes alone, of their stored form.
 * Memory: the owner's; at most as many as were erased within the retention window. Threads: one.
 * Blocking: never. Cost: none for events younger than the last erasure. */
#ifndef SERVER_INGEST_SUPPRESS_H
#define SERVER_INGEST_SUPPRESS_H

#include "server/ingest/pii.h"

struct suppressed {
	char hash[PII_HASH_CHARS];
	int64_t until_us;              /* events up to then */
};

struct suppressions {
	size_t n;
	int64_t newest_us;             /* the largest until_us; 0: none */
	struct suppressed list[];      /* sorted by suppressions_sort */
};

void suppressions_sort(struct suppressions *s);

/* The hash by which an identity is known; value is as its column has it. p == NULL stays so. */
struct slice suppress_hash_customer(struct pii *p, struct slice customer_id);
struct slice suppress_hash_email(struct pii *p, struct slice email);

/* Must an event of that time be nobody's? s NULL: none was erased. */
bool suppress_row_due(const struct suppressions *s, struct pii *p, const struct event_row *row);
/* Takes the person out of the row; its figures stay. False: the arena is full. */
bool suppress_row(struct arena *a, struct event_row *row);
/* The same question of an event by what it brought, e.g. to ask with another key. row NULL: it is being rejected;
 * what cannot be dated counts as old then. */
bool suppress_event_due(const struct suppressions *s, struct pii *p, const struct event_in *in,
			const struct event_row *row);
/* Leaves its identity alone of such an event. False: the arena is full. */
bool suppress_event(struct arena *a, struct event_in *in);

/* Names of the properties that tell nothing about a person: at most SUPPRESS_KEPT_MAX. */
enum { SUPPRESS_KEPT_MAX = 64 };
size_t suppress_kept(struct slice names[SUPPRESS_KEPT_MAX]);

#endif
