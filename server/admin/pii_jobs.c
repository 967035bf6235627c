#include "server/admin/pii_jobs.h"

#include "server/admin/pii_clean.h"
#include "server/ingest/ingest.h"
#include "server/services.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGES "64"
enum { FINDINGS_BYTES = 16 << 10, STEP_BYTES = 64 << 20 };
static const double busy_s = 0.1;

/* A run of one of the two; there is one of each at a time. */
struct scan {
	struct pii_jobs *jobs;
	struct job_run *run;
	const char *kind;
	char id[24];
	struct step *step;             /* being cleaned, or stored */
	bool cleaning;                 /* it is the helper thread's */
	ev_timer again;
};

struct pii_jobs {
	const struct services *services;
	struct scan backfill, audit;
};

/* What a helper thread works on: everything is its own. */
struct step {
	struct offload_task task;
	struct scan *scan;             /* NULL: nobody waits for it any more */
	char key_id[40], key_secret[CONF_TEXT_BYTES];
	struct buf text;               /* the rows: place, version and doc, each NUL-terminated */
	char relation[200], upto[40], seen[16];
	uint32_t rows;
	struct pii_clean clean;
	struct buf findings;
};

static void look(struct scan *s);

static struct step *step_destroy(struct step *t)
{
	if (!t)
		return NULL;
	buf_reset(&t->text);
	buf_reset(&t->findings);
	pii_clean_reset(&t->clean);
	explicit_bzero(t->key_secret, sizeof(t->key_secret));
	free(t);
	return NULL;
}

static void abandon(struct scan *s)
{
	loop_timer_stop(s->jobs->services->loop, &s->again);
	if (s->cleaning && !offload_withdraw(s->jobs->services->offload, &s->step->task))
		s->step->scan = NULL; /* it frees itself */
	else
		step_destroy(s->step);
	s->step = NULL;
	s->cleaning = false;
}

static void end(struct scan *s, enum err_code c, const struct err *e)
{
	abandon(s);
	job_end(s->run, c, e);
}

static void on_stop(struct job_run *r)
{
	struct err e;

	end(r->state, err_set(&e, ERR_CANCELLED, "the scan goes on another time"), &e);
}

static void fail(struct scan *s, enum err_code c, const char *why)
{
	struct err e;

	end(s, err_set(&e, c, "%s", why), &e);
}

/* --- a step --- */

static void on_reported(struct job_run *r, PGresult *const *results)
{
	struct scan *s = r->state;
	int64_t found = 0;

	for (int i = 0; i < PQntuples(results[0]); i++)
		found += strtoll(PQgetvalue(results[0], i, 7), NULL, 10);
	if (PQntuples(results[0]))
		buf_printf(&r->detail, "{\"rows\": %s, \"findings\": %lld, \"rewritten\": %s, \"left_alone\": %s}",
			   PQgetvalue(results[0], 0, 0), (long long)found, PQgetvalue(results[0], 0, 1),
			   PQgetvalue(results[0], 0, 2));
	end(s, ERR_OK, NULL);
}

static void on_stored(struct job_run *r, PGresult *const *results)
{
	struct scan *s = r->state;
	char action = *PQgetvalue(results[0], 0, 0);

	s->step = step_destroy(s->step);
	if (action == 'd') {
		job_tx(r, &(struct pool_statement){ "pii_scan_report", 1, { s->kind } }, 1, on_reported);
	} else if (action == 'b') {
		r->on_stop = on_stop;
		loop_timer(s->jobs->services->loop, &s->again, busy_s, 0);
	} else {
		look(s);
	}
}

static void clean_run(struct offload_task *task)
{
	struct step *t = (struct step *)task; /* its first member */
	const char *at = t->text.p, *end_of_text = t->text.p + t->text.n;

	while (at < end_of_text) {
		struct slice part[3];

		for (int i = 0; i < 3; i++) {
			part[i] = slice_of(at);
			at += part[i].n + 1;
		}
		pii_clean_row(&t->clean, part[0], part[1], part[2]);
	}
	pii_clean_finish(&t->clean, &t->findings);
}

static void clean_done(struct offload_task *task)
{
	struct step *t = (struct step *)task;
	struct scan *s = t->scan;

	if (!s) {
		step_destroy(t);
		return;
	}
	s->cleaning = false;
	s->run->on_stop = NULL;
	if (t->clean.failed) {
		fail(s, ERR_QUOTA, "a row could not be read for want of memory");
		return;
	}
	snprintf(t->seen, sizeof(t->seen), "%u", t->rows);
	job_tx(s->run, &(struct pool_statement){ "pii_scan_store", 6, { s->id, t->relation, t->upto, t->seen, t->findings.p,
									t->clean.changes.p } },
	       1, on_stored);
}

static struct step *make_step(struct scan *s, const PGresult *p)
{
	const struct pii_key *key = ingest_key(s->jobs->services->ingest);
	struct step *t = calloc(1, sizeof(*t));
	int last = PQntuples(p) - 1;

	if (!t)
		return NULL;
	t->task = (struct offload_task){ .run = clean_run, .done = clean_done };
	t->scan = s;
	snprintf(t->key_id, sizeof(t->key_id), "%.*s", (int)key->id.n, key->id.p);
	snprintf(t->key_secret, sizeof(t->key_secret), "%.*s", (int)key->secret.n, key->secret.p);
	pii_clean_init(&t->clean, (struct pii_key){ slice_of(t->key_id), slice_of(t->key_secret) });
	buf_init(&t->text, STEP_BYTES);
	buf_init(&t->findings, FINDINGS_BYTES);
	for (int i = 0; i < last; i++)
		for (int column = 1; column <= 3; column++)
			buf_put(&t->text, PQgetvalue(p, i, column), (size_t)PQgetlength(p, i, column) + 1);
	t->rows = (uint32_t)last;
	snprintf(t->relation, sizeof(t->relation), "%s", PQgetvalue(p, last, 0));
	snprintf(t->upto, sizeof(t->upto), "%s", PQgetvalue(p, last, 1));
	return t->text.failed ? step_destroy(t) : t;
}

static void on_read(struct job_run *r, PGresult *const *results)
{
	struct scan *s = r->state;

	s->step = make_step(s, results[0]);
	if (!s->step) {
		fail(s, ERR_QUOTA, "no memory for the rows");
		return;
	}
	if (offload_submit(s->jobs->services->offload, &s->step->task)) {
		fail(s, ERR_QUOTA, "the helper threads are busy");
		return;
	}
	s->cleaning = true;
	r->on_stop = on_stop;
}

static void look(struct scan *s)
{
	job_tx(s->run, &(struct pool_statement){ "pii_scan_read", 2, { s->id, PAGES } }, 1, on_read);
}

static void on_again(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct scan *s = t->data;

	(void)ev, (void)revents;
	s->jobs->services->loop->changed = true; /* the timer ended by itself */
	s->run->on_stop = NULL;
	look(s);
}

static void on_begun(struct job_run *r, PGresult *const *results)
{
	struct scan *s = r->state;

	snprintf(s->id, sizeof(s->id), "%s", PQgetvalue(results[0], 0, 0));
	look(s);
}

static void start(struct job_run *r, struct scan *s, const char *kind)
{
	abandon(s); /* what a run left whose transaction failed */
	s->run = r;
	s->kind = kind;
	r->state = s;
	job_tx(r, &(struct pool_statement){ "pii_scan_begin", 1, { s->kind } }, 1, on_begun);
}

void pii_backfill(struct job_run *r)
{
	start(r, &((struct pii_jobs *)r->ctx)->backfill, "backfill");
}

void pii_audit(struct job_run *r)
{
	start(r, &((struct pii_jobs *)r->ctx)->audit, "audit");
}

enum err_code pii_jobs_create(struct pii_jobs **out, const struct services *s, struct err *e)
{
	struct pii_jobs *j = calloc(1, sizeof(*j));

	if (!j)
		return err_set(e, ERR_QUOTA, "no memory for the jobs about personal data");
	j->services = s;
	j->backfill.jobs = j->audit.jobs = j;
	ev_init(&j->backfill.again, on_again);
	ev_init(&j->audit.again, on_again);
	j->backfill.again.data = &j->backfill;
	j->audit.again.data = &j->audit;
	*out = j;
	return ERR_OK;
}

struct pii_jobs *pii_jobs_destroy(struct pii_jobs *j)
{
	if (!j)
		return NULL;
	abandon(&j->backfill);
	abandon(&j->audit);
	free(j);
	return NULL;
}
