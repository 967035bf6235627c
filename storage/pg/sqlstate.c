#include "storage/pg/sqlstate.h"

#include <string.h>

/* The longest fitting prefix is meant, so full states stand before their class. */
static const struct {
	const char *prefix;
	enum err_code code;
} rows[] = {
	{ "55P03", ERR_RETRY }, /* lock_timeout */
	{ "40",    ERR_RETRY }, /* deadlock, serialization failure */
	{ "22",    ERR_DATA  }, /* data exception: bad UTF-8, out of range, bad JSON */
	{ "23",    ERR_DATA  }, /* integrity constraint */
	{ "54",    ERR_DATA  }, /* too long, too deep */
};

enum err_code sqlstate_code(const char *state)
{
	for (size_t i = 0; state && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strncmp(state, rows[i].prefix, strlen(rows[i].prefix)))
			return rows[i].code;
	return ERR_STORE;
}

/* Does it begin with one of these? The list ends with NULL. */
static bool among(const char *state, const char *const *prefixes)
{
	for (; state && *prefixes; prefixes++)
		if (!strncmp(state, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

bool sqlstate_is_stale(const char *state)
{
	static const char *const states[] = {
		"26000", /* no such prepared statement */
		"0A000", /* cached plan must not change its result type */
		"42804", /* a composite type was made anew: other OID or attributes; never a row's fault */
		NULL,
	};

	return among(state, states);
}

bool sqlstate_is_no_schema(const char *state)
{
	static const char *const states[] = { "42704" /* type */, "42P01" /* table */, "42703" /* column */,
					      "42883" /* function */, NULL };

	return among(state, states);
}

bool sqlstate_is_away(const char *state)
{
	static const char *const classes[] = { "08", "53", "57P", NULL };

	return among(state, classes);
}

bool sqlstate_is_taken(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	return state && !strcmp(state, "23505");
}

bool sqlstate_is_no_partition(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	/* A failed CHECK has the same state but names its constraint. */
	return state && !strcmp(state, "23514") && !PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
}
