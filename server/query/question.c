#include "server/query/question.h"

#include "server/services.h"
#include "storage/base/buf.h"
#include "storage/base/clock.h"
#include "storage/base/json.h"
#include "storage/base/log.h"

#include <stdio.h>

static void question_fail(struct question *q, enum err_code c, const struct err *e)
{
	const char *message = "the figures could not be computed";

	if (c == ERR_STORE)
		message = "the database cannot be asked at the moment";
	else if (c == ERR_QUOTA)
		message = "too many questions are waiting";
	else if (c == ERR_DEADLINE)
		message = "the answer takes longer than the deadline allows";
	else if (c == ERR_CANCELLED)
		message = "the caller left";
	else
		log_error("query.question", "%s: %s: %s", q->kind->response->short_name, err_name(c),
			  e ? e->detail : "");
	call_fail_code(q->call, c, message);
}

static void question_cancel(struct call *c)
{
	struct question *q = c->state;

	pool_cancel(c->services->queries, &q->query);
}

/* Must be the last that its caller does: a refusal ends the call. */
static void question_run(struct question *q)
{
	struct err e = { 0 };
	enum err_code c;

	q->query.deadline_us = q->call->deadline_us;
	c = pool_run(q->call->services->queries, &q->query, &e);
	if (c != ERR_OK)
		question_fail(q, c, &e);
}

static struct question *question_of(struct pool_query *p)
{
	return (struct question *)((char *)p - offsetof(struct question, query));
}

static const char *param(const struct question *q, enum question_param p)
{
	switch (p) {
	case QP_BEFORE: return q->range.before;
	case QP_START: return q->range.start;
	case QP_END: return q->range.end;
	case QP_ZONE: return q->spec.zone;
	default: return q->args[p - QP_ARG1];
	}
}

static void on_figures(struct pool_query *p, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct question *q = question_of(p);
	const struct question_statement *s = q->kind->statements;
	struct arena *a = &q->call->arena;
	ProtobufCMessage *m;
	bool filled;

	if (c != ERR_OK) {
		question_fail(q, c, e);
		return;
	}
	m = arena_alloc(a, q->kind->response->sizeof_message);
	if ((filled = m != NULL)) {
		protobuf_c_message_init(q->kind->response, m);
		filled = question_fill(a, m, NULL, results[0]);
	}
	for (int i = 1; filled && i < p->nstatements; i++, s++)
		filled = question_fill(a, m, s->field, results[i]);
	if (filled)
		call_reply(q->call, m);
	else /* points of years by the hour: all other lists are short, and a retry would not help */
		call_fail_field(q->call, "endDate", "is too far from startDate for one answer");
}

static void on_range(struct pool_query *p, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct question *q = question_of(p);
	const struct question_statement *s = q->kind->statements;
	struct violation v;

	if (c == ERR_DATA && q->spec.zone_given) {
		call_fail_field(q->call, "timeZone", "is not a known IANA time zone");
		return;
	}
	if (c != ERR_OK) {
		question_fail(q, c, e);
		return;
	}
	if (range_read(&q->range, results[0], &v) != ERR_OK) {
		call_fail_field(q->call, v.field, v.description);
		return;
	}
	*p = (struct pool_query){ .done = on_figures, .nstatements = 1,
				  .statements[0] = { .name = "answer_as_of" } };
	for (; s < q->kind->statements + QUESTION_STATEMENTS && s->name; s++) {
		struct pool_statement *to = &p->statements[p->nstatements++];

		to->name = s->name;
		while (to->nparams < QUESTION_PARAMS && s->params[to->nparams] != QP_NONE) {
			to->params[to->nparams] = param(q, s->params[to->nparams]);
			to->nparams++;
		}
	}
	question_run(q);
}

static const char *text_field(const ProtobufCMessage *req, const char *name)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(req->descriptor, name);

	return f ? *(char *const *)((const char *)req + f->offset) : NULL;
}

void question_ask(struct call *c, const ProtobufCMessage *req, const struct question_kind *k)
{
	struct range_args args = { text_field(req, "date_range"), text_field(req, "start_date"),
				   text_field(req, "end_date"), text_field(req, "time_zone") };
	const struct conf *conf = c->services->conf;
	struct question *q = arena_zalloc(&c->arena, sizeof(*q));
	struct violation v;

	if (!q) {
		call_fail_code(c, ERR_QUOTA, "no memory left for this call");
		return;
	}
	if (!range_zone(conf->business_timezone)) {
		call_fail_code(c, ERR_INTERNAL, "BUSINESS_TIMEZONE names none");
		return;
	}
	if (k->named && !args.start_date && !args.end_date && !(args.date_range && *args.date_range))
		args.date_range = k->named;
	if (range_parse(&q->spec, &args, conf->business_timezone, clock_wall_us(), &v) != ERR_OK) {
		call_fail_field(c, v.field, v.description);
		return;
	}
	q->call = c;
	q->kind = k;
	if (k->prepare && !k->prepare(q, req))
		return;
	q->query = (struct pool_query){ .done = on_range, .nstatements = 1 };
	range_statement(&q->spec, &q->query.statements[0]);
	c->state = q;
	c->on_cancel = question_cancel;
	question_run(q);
}

/* Arguments */

bool question_choice(struct question *q, const char *field, const char *text, const char *const *choices,
		     const char *expected, const char **out)
{
	if (!text || !*text)
		text = choices[0];
	for (; *choices; choices++) {
		if (strcmp(text, *choices) == 0) {
			*out = *choices;
			return true;
		}
	}
	call_fail_field(q->call, field, expected);
	return false;
}

bool question_limit(struct question *q, const char *field, bool given, int32_t value, int32_t absent, int32_t most,
		    const char *expected, const char **out)
{
	char text[12];

	if (!given)
		value = absent;
	if (value < 1 || value > most) {
		call_fail_field(q->call, field, expected);
		return false;
	}
	snprintf(text, sizeof(text), "%d", (int)value);
	*out = arena_strndup(&q->call->arena, text, strlen(text));
	if (!*out)
		call_fail_code(q->call, ERR_QUOTA, "no memory left for this call");
	return *out != NULL;
}

/* Every element in quotes, where only these two need a backslash. */
static char *array_element(char *to, const char *text)
{
	*to++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	return to;
}

bool question_texts(struct question *q, const char *field, size_t n, char *const *texts, const char **out)
{
	char *array, *to;

	*out = NULL;
	if (!n)
		return true;
	if (n > QUESTION_MAX_TEXTS) {
		call_fail_field(q->call, field, "has too many values");
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (strlen(texts[i]) > QUESTION_MAX_TEXT_BYTES || !json_utf8_valid(slice_of(texts[i]))) {
			call_fail_field(q->call, field, "is no text of at most 200 bytes");
			return false;
		}
	}
	array = to = arena_alloc(&q->call->arena, n * (2 * QUESTION_MAX_TEXT_BYTES + 3) + 2);
	if (!array) {
		call_fail_code(q->call, ERR_QUOTA, "no memory left for this call");
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		*to++ = i ? ',' : '{';
		to = array_element(to, texts[i]);
	}
	memcpy(to, "}", 2);
	*out = array;
	return true;
}
