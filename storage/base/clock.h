/* storage/base/clock.h -- the time, from one swappable place.
 * Threads: any (a fake is set before threads start). Blocking: never. */
#ifndef STORAGE_BASE_CLOCK_H
#define STORAGE_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);  /* microseconds since 1970-01-01T00:00:00Z */
uint64_t clock_mono_us(void); /* monotonic microseconds, for intervals and deadlines */

/* Tests only: both clocks read through fn from now on; NULL: the real ones again. */
typedef int64_t clock_fn(void);
void clock_fake(clock_fn *wall_us, clock_fn *mono_us);

#endif
