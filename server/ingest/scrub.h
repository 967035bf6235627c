/* server/ingest/scrub.h -- the passes of pii_scrub, each over what the one before left alone: key=value
 * pairs, user agents, e-mail addresses, IP addresses. Each looks at a byte a bounded number of times.
 * Memory: nothing is copied until something is replaced. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_SCRUB_H
#define SERVER_INGEST_SCRUB_H

#include "server/ingest/pii.h"

struct scrub {
	struct pii *p;
	const char *from;  /* of the whole string */
	struct text out;   /* once dirty */
	bool dirty;
};

void scrub_keys(struct scrub *s, struct slice part);
void scrub_agents(struct scrub *s, struct slice part);
void scrub_emails(struct scrub *s, struct slice part);
void scrub_ips(struct scrub *s, struct slice part);

/* The text up to `upto` stays, or has been dealt with; then comes `by` in the place of what follows. */
void scrub_replace(struct scrub *s, const char *upto, struct slice by);

#endif
