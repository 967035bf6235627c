#include "server/admin/letter_retry.h"

#include "server/admin/schema_registry.h"
#include "server/ingest/dedup.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { QUERY_US = 10 * 1000000, OUTCOME_BYTES = 64 << 10 };

const char *letter_fate_name(enum letter_fate f)
{
	static const char *const names[FATES] = { "stored", "duplicate", "rejected", "not_retryable", "unavailable" };

	return names[f];
}

static struct letter_run *run_of(struct pool_query *q)
{
	return (struct letter_run *)((char *)q - offsetof(struct letter_run, query));
}

static void end(struct letter_run *r, enum err_code c, const struct err *e, bool more)
{
	buf_reset(&r->outcomes);
	r->done(r, c, e, more);
}

static void on_taken(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e);

/* The next letters: claimed, or only looked at. */
static enum err_code take(struct letter_run *r, struct err *e)
{
	const struct letter_filter *f = &r->filter;
	unsigned left = r->limit - r->seen;

	snprintf(r->size, sizeof(r->size), "%u", left < LETTER_BATCH ? left : LETTER_BATCH);
	snprintf(r->above, sizeof(r->above), "%" PRId64, r->last);
	r->query = (struct pool_query){ .nstatements = 1, .writes = !r->dry_run, .done = on_taken,
					.deadline_us = clock_mono_us() + QUERY_US };
	r->query.statements[0] = (struct pool_statement){
		r->dry_run ? "letters_peek" : "letters_claim", 9,
		{ r->who, r->size, r->above, f->ids, f->error_code, f->topic, f->source, f->event_type,
		  f->due ? "true" : "false" }
	};
	return pool_run(r->services->queries, &r->query, e);
}

static void go_on(struct letter_run *r)
{
	bool full = r->n == LETTER_BATCH;
	struct err e = { 0 };
	enum err_code c;

	if (r->code || r->stopped || r->services->draining || !full || r->seen >= r->limit) {
		end(r, r->code, &r->failure, full || r->seen >= r->limit);
		return;
	}
	c = take(r, &e);
	if (c)
		end(r, c, &e, true);
}

/* --- what became of them --- */

static void member(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, ",\"%s\":", name);
	buf_json_string(b, slice_of(text));
}

static void write_outcomes(struct letter_run *r)
{
	buf_clear(&r->outcomes);
	for (unsigned i = 0; i < r->n; i++) {
		buf_printf(&r->outcomes, "%s{\"id\":%" PRId64, i ? "," : "[", r->ids[i]);
		member(&r->outcomes, "fate", letter_fate_name(r->fates[i]));
		if (r->fates[i] == FATE_REJECTED) {
			member(&r->outcomes, "code", reject_name(r->errors[i].code));
			member(&r->outcomes, "field", r->errors[i].field);
			member(&r->outcomes, "message", r->errors[i].message);
		}
		buf_putc(&r->outcomes, '}');
	}
	buf_put(&r->outcomes, "]", 2); /* with the NUL */
}

static void on_recorded(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct letter_run *r = run_of(q);

	(void)results;
	if (c && !r->code) {
		r->code = c;
		r->failure = *e;
	}
	go_on(r);
}

static void record(struct letter_run *r)
{
	enum err_code c;
	struct err e;

	for (unsigned i = 0; i < r->n; i++)
		r->on_letter(r, r->ids[i], r->fates[i], r->fates[i] == FATE_REJECTED ? &r->errors[i] : NULL);
	if (r->dry_run) {
		go_on(r);
		return;
	}
	write_outcomes(r);
	r->query = (struct pool_query){ .nstatements = 1, .writes = true, .done = on_recorded,
					.deadline_us = clock_mono_us() + QUERY_US };
	r->query.statements[0] = (struct pool_statement){ "letters_settle", 2, { r->who, r->outcomes.p } };
	if (r->outcomes.failed)
		c = err_set(&e, ERR_QUOTA, "no memory for the outcomes");
	else
		c = pool_run(r->services->queries, &r->query, &e);
	if (c)
		end(r, c, &e, true);
}

static void on_settled(struct ingest_request *q, void *ctx)
{
	struct letter_run *r = ctx;
	const struct ingest_result *results;
	uint32_t n;

	for (uint32_t i = 0; i < r->fed; i++) {
		enum outcome o = ingest_outcome(q, i);

		r->fates[r->fed_as[i]] = o == OUT_STORED ? FATE_STORED : o == OUT_DUPLICATE ? FATE_DUPLICATE :
					 FATE_UNAVAILABLE; /* until its error is found below */
	}
	results = ingest_results(q, &n);
	for (uint32_t i = 0; i < n; i++) {
		if (results[i].outcome != OUT_REJECTED || !results[i].error)
			continue;
		r->fates[r->fed_as[results[i].index]] = FATE_REJECTED;
		r->errors[r->fed_as[results[i].index]] = *results[i].error;
	}
	if (ingest_count(q, OUT_UNAVAILABLE))
		r->code = err_set(&r->failure, ERR_STORE, "PostgreSQL is away");
	record(r);
}

/* --- a batch --- */

static struct slice cell(const PGresult *p, int row, int column)
{
	return (struct slice){ PQgetvalue(p, row, column), (size_t)PQgetlength(p, row, column) };
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static void read_uuid(const char *text, uint8_t out[16])
{
	for (unsigned i = 0; i < 16; i++, text += 2) {
		text += *text == '-';
		out[i] = (uint8_t)(hex_value(text[0]) << 4 | hex_value(text[1]));
	}
}

static struct event_replay replay_of(const PGresult *p, int row)
{
	struct event_replay how = { .arrived_us = strtoll(PQgetvalue(p, row, 2), NULL, 10) };

	read_uuid(PQgetvalue(p, row, 1), how.key.b);
	return how;
}

/* Of a dry run: the verdict, and what the stored digest of this identity says to it. */
static enum letter_fate judge(struct letter_run *r, const PGresult *p, int row, struct rejection *error)
{
	struct event_replay how = replay_of(p, row);
	uint8_t digest[16], stored[16];

	if (!ingest_judge_letter(r->services->ingest, cell(p, row, 4), &how, digest, error))
		return FATE_REJECTED;
	if (PQgetisnull(p, row, 5))
		return FATE_STORED;
	read_uuid(PQgetvalue(p, row, 5), stored);
	if (digest_agrees(digest, stored))
		return FATE_DUPLICATE;
	*error = (struct rejection){ .code = REJECT_ID_CONFLICT,
				     .message = "this identity was stored before with other content" };
	return FATE_REJECTED;
}

static void judge_all(struct letter_run *r, const PGresult *p)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->fates[i] != FATE_NOT_RETRYABLE)
			r->fates[i] = judge(r, p, (int)i, &r->errors[i]);
	record(r);
}

static void feed(struct letter_run *r, const PGresult *p)
{
	struct ingest_request *q;
	struct ingest_bill bill = { .source = share_source(0, SLICE("dead letters")) };

	for (unsigned i = 0; i < r->n; i++) {
		if (r->fates[i] == FATE_NOT_RETRYABLE)
			continue;
		bill.events++;
		bill.bytes += (size_t)PQgetlength(p, (int)i, 4);
	}
	r->fed = 0;
	if (bill.events)
		r->code = ingest_open(r->services->ingest, &bill, on_settled, r, &q, &r->failure);
	if (!bill.events || r->code) {
		record(r);
		return;
	}
	for (unsigned i = 0; i < r->n; i++) {
		struct event_replay how = replay_of(p, (int)i);

		if (r->fates[i] == FATE_NOT_RETRYABLE)
			continue;
		r->fed_as[r->fed++] = (uint8_t)i;
		ingest_letter(q, cell(p, (int)i, 4), &how);
	}
	ingest_close(q);
}

static void on_taken(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct letter_run *r = run_of(q);
	const PGresult *p = results[0];

	if (c) {
		end(r, c, e, true);
		return;
	}
	r->n = (unsigned)PQntuples(p);
	if (!r->n) {
		end(r, ERR_OK, NULL, false);
		return;
	}
	r->seen += r->n;
	for (unsigned i = 0; i < r->n; i++) {
		r->ids[i] = strtoll(PQgetvalue(p, (int)i, 0), NULL, 10);
		r->last = r->ids[i] > r->last ? r->ids[i] : r->last;
		r->fates[i] = event_letter_whole(cell(p, (int)i, 3), cell(p, (int)i, 4)) ? FATE_UNAVAILABLE :
										       FATE_NOT_RETRYABLE;
	}
	if (r->dry_run)
		judge_all(r, p);
	else
		feed(r, p);
}

enum err_code letter_run_start(struct letter_run *r, struct err *e)
{
	uint64_t mine[2];

	if (getrandom(mine, sizeof(mine), 0) != (ssize_t)sizeof(mine))
		return err_set(e, ERR_INTERNAL, "no random bytes for a claim");
	snprintf(r->who, sizeof(r->who), "%016" PRIx64 "%016" PRIx64, mine[0], mine[1]);
	buf_init(&r->outcomes, OUTCOME_BYTES);
	return take(r, e);
}

/* --- by itself --- */

struct letter_retry {
	const struct services *services;
	struct letter_run run;
	struct job_run *job;       /* the run of the job that waits for it; NULL: nobody does */
	bool running, again;
	unsigned counts[FATES];
};

static void retry_due(struct letter_retry *t);

static void on_letter(struct letter_run *r, int64_t id, enum letter_fate f, const struct rejection *error)
{
	struct letter_retry *t = (struct letter_retry *)((char *)r - offsetof(struct letter_retry, run));

	(void)id, (void)error;
	t->counts[f]++;
}

static void end_job(struct letter_retry *t, enum err_code c, const struct err *e)
{
	struct job_run *job = t->job;

	t->job = NULL;
	if (!job)
		return;
	buf_printf(&job->detail, "{\"retried\": %u, \"stored\": %u, \"duplicates\": %u, \"rejected_again\": %u}",
		   t->run.seen, t->counts[FATE_STORED], t->counts[FATE_DUPLICATE], t->counts[FATE_REJECTED]);
	job_end(job, c, e);
}

static void on_done(struct letter_run *r, enum err_code c, const struct err *e, bool more)
{
	struct letter_retry *t = (struct letter_retry *)((char *)r - offsetof(struct letter_retry, run));
	bool again = t->again;

	(void)more;
	t->running = t->again = false;
	if (r->seen)
		log_info("letter_retry", "%u dead letters retried: %u stored, %u duplicates, %u rejected again", r->seen,
			 t->counts[FATE_STORED], t->counts[FATE_DUPLICATE], t->counts[FATE_REJECTED]);
	if (c && c != ERR_CANCELLED && !t->job)
		log_warn("letter_retry", "%s", e->detail);
	if (!c && again)
		retry_due(t);
	else
		end_job(t, r->stopped ? ERR_CANCELLED : c, e);
}

static void retry_due(struct letter_retry *t)
{
	enum err_code c;
	struct err e;

	if (t->running) {
		t->again = true;
		return;
	}
	memset(t->counts, 0, sizeof(t->counts));
	t->run = (struct letter_run){ .services = t->services, .filter = { .due = true }, .limit = UINT32_MAX,
				      .on_letter = on_letter, .done = on_done };
	c = letter_run_start(&t->run, &e);
	t->running = c == ERR_OK;
	if (!t->running)
		end_job(t, c, &e);
}

static void on_job_stop(struct job_run *r)
{
	((struct letter_retry *)r->ctx)->run.stopped = true;
}

void letter_retry_job(struct job_run *r)
{
	struct letter_retry *t = r->ctx;

	t->job = r;
	r->on_stop = on_job_stop;
	retry_due(t);
}

/* What waited for it is due. */
static void on_registered(void *ctx)
{
	if (!((struct letter_retry *)ctx)->services->draining)
		retry_due(ctx);
}

enum err_code letter_retry_start(struct letter_retry **out, const struct services *s, struct err *e)
{
	struct letter_retry *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, ERR_QUOTA, "no memory for the retry of dead letters");
	t->services = s;
	schema_registry_on_change(s->schemas, on_registered, t);
	*out = t;
	return ERR_OK;
}

struct letter_retry *letter_retry_stop(struct letter_retry *t)
{
	if (!t)
		return NULL;
	buf_reset(&t->run.outcomes);
	free(t);
	return NULL;
}
