/* storage/base/log.h -- one JSON line a message, to stderr.
 * Never holds personal data or anything of an event's content: callers pass codes, counts and names.
 * Memory: a fixed line on the stack. Threads: any. Blocking: never; when stderr would block the line is
 * dropped and counted (the count is said in the next line that gets through). */
#ifndef STORAGE_BASE_LOG_H
#define STORAGE_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* name: debug, info, warn, error. False when it is none of these. */
bool log_set_level(const char *name);

/* where: the module that speaks, e.g. "pg.pool". */
#define log_debug(where, ...) log_write(LOG_DEBUG, (where), __VA_ARGS__)
#define log_info(where, ...) log_write(LOG_INFO, (where), __VA_ARGS__)
#define log_warn(where, ...) log_write(LOG_WARN, (where), __VA_ARGS__)
#define log_error(where, ...) log_write(LOG_ERROR, (where), __VA_ARGS__)
void log_write(enum log_level level, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
