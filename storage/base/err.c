#include "storage/base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name;
	int status;
	bool retry;
} rows[ERR_COUNT] = {
	[ERR_OK] = { "ERR_OK", 0, false },
#define X(n, s, r) [n] = { #n, s, r },
	ERR_TABLE(X)
#undef X
};

enum err_code err_fill(struct err *e, enum err_code c, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return c;
	e->code = c;
	e->file = file;
	e->line = line;
	va_start(ap, fmt);
	vsnprintf(e->detail, sizeof(e->detail), fmt, ap);
	va_end(ap);
	return c;
}

const char *err_name(enum err_code c)
{
	return rows[c].name;
}

int err_grpc_status(enum err_code c)
{
	return rows[c].status;
}

bool err_may_retry(enum err_code c)
{
	return rows[c].retry;
}
