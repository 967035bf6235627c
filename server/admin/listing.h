/* server/admin/listing.h -- an answer that is what a statement selects: a row is an element of a list in the
 * response, a column its field of that name (server/query/question.h says how).
 * Memory: the call's arena. Threads: the reactor. Blocking: never. Errors: the call's end; what PostgreSQL cannot
 * read of the parameters is blamed on the caller's field `blamed`. */
#ifndef SERVER_ADMIN_LISTING_H
#define SERVER_ADMIN_LISTING_H

#include "server/wire/call.h"
#include "storage/pg/pool.h"

struct listing {
	const ProtobufCMessageDescriptor *response;
	const char *field;                 /* the list */
	struct pool_statement statement;   /* its parameters outlive the call */
	const char *blamed, *expected;     /* NULL: none can be wrong */
};

/* Answers c; l is copied. */
void listing_ask(struct call *c, const struct listing *l);

/* days of a request as a parameter, between 1 and a year, in the call's arena. False: it has failed the call. */
MUST_CHECK bool listing_days(struct call *c, bool given, int32_t days, const char **out);

/* Absent, empty, or one of the names, a list that ends with NULL; else the call has failed: false. */
MUST_CHECK bool listing_among(struct call *c, const char *field, const char *text, const char *const *names);
/* NULL for what is left empty. */
const char *listing_filter(const char *text);

#endif
