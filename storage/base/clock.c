#include "storage/base/clock.h"

#include <stddef.h>
#include <time.h>

static clock_fn *fake_wall, *fake_mono;

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	return fake_wall ? fake_wall() : read_us(CLOCK_REALTIME);
}

uint64_t clock_mono_us(void)
{
	return (uint64_t)(fake_mono ? fake_mono() : read_us(CLOCK_MONOTONIC));
}

void clock_fake(clock_fn *wall_us, clock_fn *mono_us)
{
	fake_wall = wall_us;
	fake_mono = mono_us;
}
