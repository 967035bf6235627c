/* Each customer's segment as of the end of a business day, and how large the segments are. */
#include "jobs/jobs.h"

static void on_sized(struct job_run *r, PGresult *const *results)
{
	const PGresult *rows = results[3];

	buf_putc(&r->detail, '{');
	for (int i = 0; i < PQntuples(rows); i++)
		buf_printf(&r->detail, "%s\"%s\": %s", i ? ", " : "", PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
	buf_putc(&r->detail, '}');
	job_end(r, ERR_OK, NULL);
}

void customer_segments(struct job_run *r)
{
	const struct pool_statement s[] = {
		{ "segments_put", 1, { r->day } },
		{ "segments_clear", 1, { r->day } },
		{ "segments_clear_sizes", 1, { r->day } },
		{ "segments_sizes", 1, { r->day } },
	};

	job_tx(r, s, 4, on_sized);
}
