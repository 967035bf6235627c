/* server/admin/letter_census.h -- analytics_dead_letters{topic,status}: how many lie there, counted in the
 * database now and then by one worker of each service. A count takes a hundredth of its time at most.
 * Memory: fixed. Threads: the reactor. Blocking: never. Errors: the last count stays. */
#ifndef SERVER_ADMIN_LETTER_CENSUS_H
#define SERVER_ADMIN_LETTER_CENSUS_H

#include "storage/base/err.h"

struct services;
struct letter_census;

/* s->queries is there. Counts in worker 0 only. */
MUST_CHECK enum err_code letter_census_start(struct letter_census **out, const struct services *s, struct err *e);
struct letter_census *letter_census_stop(struct letter_census *c); /* after the pool; NULL-safe; returns NULL */

#endif
