/* storage/base/err.h -- what can go wrong, as codes that travel up unchanged.
 * A fallible function returns enum err_code, is MUST_CHECK and takes struct err *e last (NULL: the
 * caller wants no text). e is filled once, at the origin, and never holds anything of an event's content.
 * Memory: struct err lives on the caller's stack. Threads: any. Blocking: never. */
#ifndef STORAGE_BASE_ERR_H
#define STORAGE_BASE_ERR_H

#include <stdbool.h>

/* name, gRPC status it becomes, may the same call be sent again */
#define ERR_TABLE(X)                                                                               \
	X(ERR_INVALID,      3, false)  /* the caller's argument is wrong            */             \
	X(ERR_NOT_FOUND,    5, false)                                                              \
	X(ERR_PRECONDITION, 9, false)                                                                         \
	X(ERR_DENIED,       7, false)                                                              \
	X(ERR_QUOTA,        8, true)   /* a ceiling: queue, memory, connections     */             \
	X(ERR_STORE,       14, true)   /* PostgreSQL away or told us to come back   */             \
	X(ERR_RETRY,       14, true)   /* deadlock, serialization: again at once    */             \
	X(ERR_DATA,        13, false)  /* PostgreSQL refused the values themselves  */             \
	X(ERR_DEADLINE,     4, true)                                                               \
	X(ERR_CANCELLED,    1, true)                                                               \
	X(ERR_UNKNOWN_CALL, 12, false) /* UNIMPLEMENTED                             */             \
	X(ERR_INTERNAL,    13, false)

#define X(name, status, retry) name,
enum err_code { ERR_OK, ERR_TABLE(X) ERR_COUNT };
#undef X

struct err {
	enum err_code code;
	int line;
	const char *file;
	char detail[200];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Fills *e (if any) and returns c, so that a failure is one `return err_set(e, ERR_X, "...")`. */
#define err_set(e, c, ...) err_fill((e), (c), __FILE__, __LINE__, __VA_ARGS__)
enum err_code err_fill(struct err *e, enum err_code c, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

const char *err_name(enum err_code c);        /* "ERR_STORE"; static */
int err_grpc_status(enum err_code c);         /* 14; 0 for ERR_OK */
bool err_may_retry(enum err_code c);

#endif
