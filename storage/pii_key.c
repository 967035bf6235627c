#include "storage/pii_key.h"

#include "storage/base/log.h"
#include "storage/pg/connect.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void pii_key_make(char key[PII_KEY_BYTES])
{
	unsigned char random[(PII_KEY_BYTES - 1) / 2];
	size_t have = 0;

	while (have < sizeof(random)) {
		ssize_t got = getrandom(random + have, sizeof(random) - have, 0);

		if (got > 0)
			have += (size_t)got;
	}
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(key + 2 * i, 3, "%02x", random[i]);
}

/* Whoever comes first wins. */
static enum err_code propose(PGconn *pg, const char *key, struct err *e)
{
	PGresult *r = PQexecParams(pg, sql_text("pii_key_propose"), 1, NULL, &key, NULL, NULL, 0);
	enum err_code c = ERR_OK;

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		c = err_set(e, ERR_STORE, "the pseudonymization key cannot be kept: SQLSTATE %.5s",
			    PQresultErrorField(r, PG_DIAG_SQLSTATE) ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : "none");
	else if (!strcmp(PQcmdTuples(r), "1"))
		log_warn("pii_key", "PII_HMAC_KEY is not set: a random key was made and is kept in the database, "
				    "beside what it protects; configure one of your own");
	PQclear(r);
	return c;
}

static enum err_code read_back(PGconn *pg, char *key, size_t cap, struct err *e)
{
	PGresult *r = PQexecParams(pg, sql_text("pii_key_read"), 0, NULL, NULL, NULL, NULL, 0);
	enum err_code c = ERR_OK;
	size_t n;

	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1) {
		PQclear(r);
		return err_set(e, ERR_STORE, "the pseudonymization key cannot be read");
	}
	n = (size_t)PQgetlength(r, 0, 0);
	if (n < 32 || n >= cap)
		c = err_set(e, ERR_PRECONDITION, "service_settings holds a pseudonymization key of %zu bytes", n);
	else
		memcpy(key, PQgetvalue(r, 0, 0), n + 1);
	PQclear(r);
	return c;
}

enum err_code pii_key_load(const struct conf *c, char *key, size_t cap, struct err *e)
{
	PGconn *pg = pg_connect(c, SQL_MIGRATE);
	char mine[PII_KEY_BYTES], reason[160];
	enum err_code code;

	if (!pg || PQstatus(pg) != CONNECTION_OK) {
		pg_reason(pg, reason, sizeof(reason));
		code = err_set(e, ERR_STORE, "cannot connect: %s", reason);
	} else {
		pii_key_make(mine);
		code = propose(pg, mine, e);
		if (!code)
			code = read_back(pg, key, cap, e);
	}
	PQfinish(pg);
	return code;
}
