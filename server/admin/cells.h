/* server/admin/cells.h -- cells of an answer in text format, as messages want them.
 * Memory: texts are the result's, which lives until its done() returns. */
#ifndef SERVER_ADMIN_CELLS_H
#define SERVER_ADMIN_CELLS_H

#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>

static inline char *cell_text(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static inline int64_t cell_int(const PGresult *r, int row, int column)
{
	return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

static inline double cell_double(const PGresult *r, int row, int column)
{
	return strtod(PQgetvalue(r, row, column), NULL);
}

#endif
