/* storage/pii_key.h -- the pseudonymization key that the database keeps when none is configured: made at
 * random by whoever comes first, the same for all replicas afterwards.
 * Blocking: yes; for start-up processes, never on a reactor. */
#ifndef STORAGE_PII_KEY_H
#define STORAGE_PII_KEY_H

#include "storage/base/conf.h"
#include "storage/base/err.h"

#include <stddef.h>

/* Needs a migrated schema. Writes the key, NUL-terminated. ERR_STORE: PostgreSQL is away. */
MUST_CHECK enum err_code pii_key_load(const struct conf *c, char *key, size_t cap, struct err *e);

/* 64 random hexadecimal digits and a NUL, from the kernel. */
enum { PII_KEY_BYTES = 65 };
void pii_key_make(char key[PII_KEY_BYTES]);

#endif
