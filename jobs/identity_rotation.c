/* Identities of events are kept in generations: a small one that takes claims, older ones until they guard nothing. */
#include "jobs/jobs.h"

static void report(struct job_run *r, PGresult *const *results)
{
	buf_printf(&r->detail, "{\"closed\":%s,\"dropped\":%s}", PQgetvalue(results[0], 0, 0),
		   PQgetvalue(results[0], 0, 1));
	job_end(r, ERR_OK, NULL);
}

void identity_rotation(struct job_run *r)
{
	const struct conf *c = r->place->conf;
	const char *mib = job_text(r, "%u", c->identity_generation_mib);
	const char *days = job_text(r, "%u", c->identity_generation_days);
	const char *horizon = job_text(r, "%u", c->retention_days);

	job_tx(r, &(struct pool_statement){ "identities_rotate", 3, { mib, days, horizon } }, 1, report);
}
