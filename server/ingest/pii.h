/* server/ingest/pii.h -- personal data out of single values.
 * E-mail addresses and user agents become a keyed hash, IP addresses their network, names their first
 * letter. Everything is linear in its input, and leaves alone what it made itself.
 * Memory: results in pii->a, or slices of the input where nothing had to change. A thread keeps the last few
 * hashes (of hashes: no personal data). Threads: one a struct pii. Blocking: never.
 * Errors: when the arena is full `failed` is set and the result is empty. */
#ifndef SERVER_INGEST_PII_H
#define SERVER_INGEST_PII_H

#include "server/ingest/event.h"
#include "server/ingest/text.h"

#include <stdint.h>

struct pii {
	struct arena *a;
	const struct pii_key *key;
	bool mask_name; /* the bare key `name` holds a person's (customer.* only) */
	bool hashed;    /* the key was used */
	bool lossy;     /* something was masked in a way that makes different values equal */
	bool letter;    /* a dead letter is written: what was wrong must still be wrong when it is judged again */
	bool altered;   /* content that counts was replaced: its digest will be another one */
	bool failed;
};

enum { PII_HASH_CHARS = 64, IP_TEXT_BYTES = 48 };

enum pii_kind {
	PII_NONE, PII_EMAIL, PII_IP, PII_AGENT,
	PII_NAME,    /* masked to J*** */
	PII_DROP,    /* phone, street */
	PII_ADDRESS  /* of an object country and postal area stay */
};

/* What a member of this key holds. Case, '_', '-' and what stands before the last '.' do not count. */
enum pii_kind pii_kind_of(struct slice key, bool mask_name);

struct slice pii_hash(struct pii *p, struct slice value);      /* 64 hex digits */
struct slice pii_agent(struct pii *p, struct slice value);     /* the same, unless it is such a hash already */
struct slice pii_email(struct pii *p, struct slice value);     /* hash@domain of the first address in it, else a hash */
struct slice pii_name(struct pii *p, struct slice value);      /* J*** */
struct slice pii_ip(struct pii *p, struct slice value);        /* the first address's network; p NULL: none in it */
/* Of a string of any content: the addresses, agents and key=value pairs in it. */
struct slice pii_scrub(struct pii *p, struct slice value);
/* The same for an identifier: different identifiers stay different. */
struct slice pii_scrub_id(struct pii *p, struct slice value);

/* The e-mail address whose '@' (or %40) is at `at`, not reaching before `from`: false when there is none.
 * *local and *end delimit it, *domain is where its domain starts. */
bool email_around(struct slice s, size_t from, size_t at, size_t *local, size_t *domain, size_t *end);
struct slice email_hash(struct pii *p, struct slice local_at, struct slice domain); /* hash, '@', domain */
/* Length of the IP address that starts at s.p, 0 when none does; its network as text in out. */
size_t ip_at(struct slice s, char out[IP_TEXT_BYTES]);

#endif
