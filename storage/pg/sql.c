#include "storage/pg/sql.h"

#include "query.gen.h"

#include <assert.h>
#include <string.h>

#define X(n) { #n, sql_##n },
const struct sql_statement sql_statements[] = { SQL_TABLE(X) { NULL, NULL } };
#undef X

enum sql_class sql_class_of(const char *name)
{
	if (!strncmp(name, "ingest_", 7) || !strncmp(name, "letter_", 7))
		return SQL_INGEST;
	if (!strncmp(name, "project_", 8))
		return SQL_PROJECT;
	return strncmp(name, "migrate_", 8) ? SQL_QUESTION : SQL_MIGRATE;
}

const char *sql_text(const char *name)
{
	const struct sql_statement *s = sql_statements;

	while (s->name && strcmp(s->name, name))
		s++;
	assert(s->name);
	return s->text;
}
