/* Makes the projections again from the stored events, by the projector's own statements, in one transaction: answers
 * go on, as of before, until it commits. The projector waits meanwhile, so for as long as it takes new events are
 * stored but show in no answer. What is older than the months in the table stays. */
#include "jobs/jobs.h"

#include "storage/pg/sql.h"
#include "storage/projection_steps.h"

#include <stdlib.h>

enum { TEXTS_BYTES = 256 << 10 };

#define NAME(n) n,
static const char *const steps[] = { PROJECTION_STEPS(NAME, NAME) };
#undef NAME

static void on_rebuilt(struct job_run *r, PGresult *const *results)
{
	buf_printf(&r->detail, "{\"events\": %s}", PQgetvalue(results[1], 0, 0));
	job_end(r, ERR_OK, NULL);
}

/* As an element of a text[]. */
static void put_text(struct buf *b, const char *s)
{
	buf_puts(b, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *s);
	}
	buf_puts(b, "\"");
}

void rebuild_projections(struct job_run *r)
{
	struct buf texts;
	struct err e;
	struct pool_statement s[] = {
		{ "aggregation_lock", 0, { NULL } },
		{ "rebuild_projections", 1, { NULL } },
	};

	buf_init(&texts, TEXTS_BYTES);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		buf_puts(&texts, i ? "," : "{");
		put_text(&texts, sql_text(steps[i]));
	}
	buf_puts(&texts, "}");
	s[1].params[0] = texts.failed ? NULL : arena_strndup(&r->arena, texts.p, texts.n);
	buf_reset(&texts);
	if (s[1].params[0])
		job_tx(r, s, 2, on_rebuilt);
	else
		job_end(r, err_set(&e, ERR_QUOTA, "no memory for the statements"), &e);
}
