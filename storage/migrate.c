#include "storage/migrate.h"

#include "storage/base/log.h"
#include "storage/pg/connect.h"
#include "storage/pg/sqlstate.h"

#include "migrations.gen.h"

#include <stdio.h>
#include <stdlib.h>

#define X(n) { #n, sql_##n },
static const struct sql_statement migrations[] = { SQL_TABLE(X) };
#undef X

enum { MIGRATIONS = sizeof(migrations) / sizeof(*migrations) };

static int version_of(const struct sql_statement *m)
{
	return atoi(m->name); /* 0001_events: 1 */
}

static void finishp(PGconn **pg)
{
	PQfinish(*pg);
}

static void clearp(PGresult **r)
{
	PQclear(*r);
}

/* The server's own words go to the log: a migration carries no event's content. */
static enum err_code check(PGconn *pg, const PGresult *r, const char *what, struct err *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	ExecStatusType status = PQresultStatus(r);
	char reason[160];
	enum err_code c;

	if (status == PGRES_TUPLES_OK ||
	    (status == PGRES_COMMAND_OK && strcmp(PQcmdStatus((PGresult *)r), "ROLLBACK")))
		return ERR_OK;
	pg_reason(pg, reason, sizeof(reason));
	log_error("migrate", "%s: %s", what, reason);
	c = !state || !strncmp(state, "08", 2) || !strncmp(state, "53", 2) || !strncmp(state, "57", 2) ||
	    !strncmp(state, "55", 2) || !strncmp(state, "40", 2) || !strcmp(state, "25006")
		? ERR_STORE : ERR_INTERNAL;
	return err_set(e, c, "%s: SQLSTATE %s", what, state ? state : "none, connection lost");
}

static enum err_code run(PGconn *pg, const char *what, const char *sql, struct err *e)
{
	__attribute__((cleanup(clearp))) PGresult *r = PQexec(pg, sql);

	return check(pg, r, what, e);
}

static enum err_code query(PGconn *pg, const char *name, int nparams, const char *const *params, PGresult **out,
			   struct err *e)
{
	*out = PQexecParams(pg, sql_text(name), nparams, NULL, params, NULL, NULL, 0);
	return check(pg, *out, name, e);
}

static enum err_code apply(PGconn *pg, const struct sql_statement *m, struct err *e)
{
	__attribute__((cleanup(clearp))) PGresult *r = NULL;
	char version[16];
	const char *params[] = { version, m->name };
	enum err_code c;

	snprintf(version, sizeof(version), "%d", version_of(m));
	if ((c = run(pg, "BEGIN", sql_text("tx_begin_write"), e)) || (c = run(pg, m->name, m->text, e)) ||
	    (c = query(pg, "migrate_record", 2, params, &r, e)))
		return c; /* closing the connection rolls back */
	if ((c = run(pg, "COMMIT", sql_text("tx_commit"), e)))
		return c;
	log_info("migrate", "applied %s", m->name);
	return ERR_OK;
}

static enum err_code apply_missing(PGconn *pg, struct err *e)
{
	__attribute__((cleanup(clearp))) PGresult *r = NULL;
	int have, newest = version_of(&migrations[MIGRATIONS - 1]);
	enum err_code c = query(pg, "migrate_version", 0, NULL, &r, e);

	if (c)
		return c;
	have = atoi(PQgetvalue(r, 0, 0));
	if (have > newest)
		return err_set(e, ERR_PRECONDITION, "the schema has version %d, this program knows %d", have, newest);
	for (int i = 0; i < MIGRATIONS; i++)
		if (version_of(&migrations[i]) > have && (c = apply(pg, &migrations[i], e)))
			return c;
	return ERR_OK;
}

/* Each month in its own transaction: thousands of partitions would not fit one transaction's locks. */
static enum err_code make_months(PGconn *pg, unsigned retention_days, struct err *e)
{
	__attribute__((cleanup(clearp))) PGresult *months = NULL;
	char days[16];
	const char *param = days;
	enum err_code c;

	snprintf(days, sizeof(days), "%u", retention_days);
	if ((c = query(pg, "migrate_months", 1, &param, &months, e)))
		return c;
	for (int i = 0; i < PQntuples(months); i++) {
		__attribute__((cleanup(clearp))) PGresult *r = NULL;

		param = PQgetvalue(months, i, 0);
		if ((c = query(pg, "ingest_month", 1, &param, &r, e)))
			return c;
	}
	return ERR_OK;
}

enum err_code migrate_run(const struct conf *c, struct err *e)
{
	__attribute__((cleanup(finishp))) PGconn *pg = pg_connect(c, SQL_MIGRATE);
	__attribute__((cleanup(clearp))) PGresult *lock = NULL;
	char reason[160];
	enum err_code code;

	if (!pg || PQstatus(pg) != CONNECTION_OK) {
		pg_reason(pg, reason, sizeof(reason));
		return err_set(e, ERR_STORE, "cannot connect: %s", reason);
	}
	/* The lock is the session's: it ends with the connection, whatever happens. */
	if ((code = query(pg, "migrate_lock", 0, NULL, &lock, e)) ||
	    (code = run(pg, "migrate_table", sql_text("migrate_table"), e)) ||
	    (code = apply_missing(pg, e)))
		return code;
	return make_months(pg, c->retention_days, e);
}
