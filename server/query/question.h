/* server/query/question.h -- what the answers about a range of time have in common, so that each of them is
 * a table: the statements that PostgreSQL runs, and the field of the response that each of them fills.
 *
 * question_ask reads dateRange, startDate, endDate and timeZone, finds the range (query_range.sql), runs the
 * statements in one snapshot on the pool of read connections, with the caller's deadline (a caller that
 * leaves ends its question), and replies.
 *
 * Rows become messages by name: a column is the field of the same name, NULL an absent one, so money is
 * rounded and rates are divided in SQL (100 * a / nullif(b, 0) is absent where b is 0). The field that a
 * statement fills is
 *   "summary"          a message: of the first row; several statements may each fill some of its fields;
 *   "data_points"      a list of messages: one a row, in the rows' order;
 *   "funnel.stages"    the same inside of a message;
 *   "segments.stages"  a list in each element of a list: the columns are fields of either; rows whose fields
 *                      of the element are equal, and that follow each other, make one element. A row whose
 *                      other columns are all NULL makes an element with an empty list;
 *   NULL               none: the columns are fields of the response itself.
 * dataAsOf is put into every answer.
 *
 * Memory: the call's arena; texts stay in the results until the reply is packed. Threads: the reactor.
 * Blocking: never. Errors: the call's end. A column without a field of its name is a broken invariant. */
#ifndef SERVER_QUERY_QUESTION_H
#define SERVER_QUERY_QUESTION_H

#include "server/query/range.h"
#include "server/wire/call.h"
#include "storage/pg/pool.h"

enum {
	QUESTION_STATEMENTS = POOL_MAX_STATEMENTS - 1, /* one is dataAsOf's */
	QUESTION_PARAMS = 9,
	QUESTION_ARGS = 4,
	QUESTION_MAX_TEXTS = 100,                      /* values of one repeated argument */
	QUESTION_MAX_TEXT_BYTES = 200
};

/* What a statement's $1, $2 ... are. */
enum question_param {
	QP_NONE,
	QP_BEFORE,                     /* start of the range just before, which ends at the start of the range */
	QP_START,
	QP_END,                        /* exclusive */
	QP_ZONE,
	QP_ARG1, QP_ARG2, QP_ARG3, QP_ARG4 /* args[0] ... */
};

struct question_statement {
	const char *name;              /* of the file in storage/sql/query */
	const char *field;
	enum question_param params[QUESTION_PARAMS];
};

struct question;
struct question_kind {
	const ProtobufCMessageDescriptor *response;
	/* Reads the arguments beside the range into args; it may put another kind in the question's place, whose
	 * own prepare is not called. False: it has failed the call. NULL: there are none. */
	bool (*prepare)(struct question *q, const ProtobufCMessage *req);
	const char *named;             /* the range when none is asked for; NULL: 30d */
	struct question_statement statements[QUESTION_STATEMENTS]; /* those that have a name */
};

struct question {
	struct call *call;
	const struct question_kind *kind;
	const char *args[QUESTION_ARGS]; /* PostgreSQL's text form; NULL is SQL NULL */
	struct range_spec spec;
	struct range range;
	struct pool_query query;
};

/* Answers c. req has some of the fields date_range, start_date, end_date and time_zone. */
void question_ask(struct call *c, const ProtobufCMessage *req, const struct question_kind *k);

/* For prepare: each false when it has failed the call, blaming field (lowerCamelCase). */

/* One of the choices (the last is NULL; absent: the first of them). `expected` says what they are. */
MUST_CHECK bool question_choice(struct question *q, const char *field, const char *text,
				const char *const *choices, const char *expected, const char **out);
/* A repeated argument as text[]; NULL when there is none. */
MUST_CHECK bool question_texts(struct question *q, const char *field, size_t n, char *const *texts,
			       const char **out);
/* A whole number of 1 to most. */
MUST_CHECK bool question_limit(struct question *q, const char *field, bool given, int32_t value, int32_t absent,
			       int32_t most, const char *expected, const char **out);

/* Fills m's fields with the row's columns of the same names, as above; for answers that are no range's.
 * False: out of memory. */
MUST_CHECK bool question_fill(struct arena *a, ProtobufCMessage *m, const char *field, const PGresult *r);

#endif
