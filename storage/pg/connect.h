/* storage/pg/connect.h -- opens one session with the settings its work needs.
 * Memory: the PGconn is the caller's. Threads: any (helper threads of storage/base/offload.h).
 * Blocking: yes: name resolution, files, TLS, log-in; up to DB_CONNECT_TIMEOUT_SEC an address. */
#ifndef STORAGE_PG_CONNECT_H
#define STORAGE_PG_CONNECT_H

#include "storage/base/buf.h"
#include "storage/base/conf.h"
#include "storage/pg/sql.h"

#include <libpq-fe.h>

/* NULL when out of memory; else look at PQstatus. */
PGconn *pg_connect(const struct conf *c, enum sql_class k);
/* The session's settings as libpq's "options"; for tests. */
void pg_session_options(struct buf *out, const struct conf *c, enum sql_class k);
/* The first line of libpq's message, for the log. */
void pg_reason(const PGconn *pg, char *out, size_t bytes);

#endif
