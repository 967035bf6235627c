/* storage/pg/sqlstate.h -- what an SQLSTATE means for who sent the statement.
 * The default is ERR_STORE: what is not known to be the values' fault must never make a dead letter of an
 * event. Memory: none. Threads: any. Blocking: never. */
#ifndef STORAGE_PG_SQLSTATE_H
#define STORAGE_PG_SQLSTATE_H

#include "storage/base/err.h"

#include <libpq-fe.h>

/* ERR_DATA: the values themselves; ERR_RETRY: lost against another transaction, again at once;
 * ERR_STORE: all else, also no state (the connection broke). */
enum err_code sqlstate_code(const char *state);
/* Statements prepared on this connection no longer fit (a changed schema, a pooler between us). */
bool sqlstate_is_stale(const char *state);
/* What a statement names does not exist: on a first start, until the migrator has made it. */
bool sqlstate_is_no_schema(const char *state);
/* PostgreSQL is gone, going, or out of what it needs: the classes that count as failures of its own. */
bool sqlstate_is_away(const char *state);
/* A unique key is there already. */
bool sqlstate_is_taken(const PGresult *r);
/* A row belongs to a month without partition. */
bool sqlstate_is_no_partition(const PGresult *r);

#endif
