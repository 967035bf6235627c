/* storage/migrate.h -- brings the schema to the version this program needs: numbered files, forward only,
 * each in its own transaction, under an advisory lock so that several replicas may start at once.
 * Blocking: yes; for start-up processes, never on a reactor. */
#ifndef STORAGE_MIGRATE_H
#define STORAGE_MIGRATE_H

#include "storage/base/conf.h"
#include "storage/base/err.h"

/* ERR_STORE: PostgreSQL is away (try again); ERR_PRECONDITION: the schema is newer than this program. */
MUST_CHECK enum err_code migrate_run(const struct conf *c, struct err *e);

#endif
