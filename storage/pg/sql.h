/* storage/pg/sql.h -- the statements of storage/sql/query, by name, and which connections prepare them.
 * Memory: static. Threads: any. Blocking: never. */
#ifndef STORAGE_PG_SQL_H
#define STORAGE_PG_SQL_H

enum sql_class {
	SQL_INGEST,   /* ingest_*, letter_*: connections that store */
	SQL_PROJECT,  /* project_*: the projector's */
	SQL_MIGRATE,  /* migrate_*: start-up only, never prepared */
	SQL_QUESTION, /* all others: the pool */
	SQL_NONE,     /* no statement: a connection that only shows whether PostgreSQL is there */
};

struct sql_statement {
	const char *name, *text;
};

extern const struct sql_statement sql_statements[]; /* ends with a NULL name */

enum sql_class sql_class_of(const char *name);
const char *sql_text(const char *name);  /* of a name that exists */

#endif
