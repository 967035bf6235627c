#include "storage/base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(arena, gives_aligned_disjoint_memory)
{
	struct arena a;
	unsigned char *p[200];

	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&a, i + 1);
		cr_assert_not_null(p[i]);
		cr_expect_eq((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		memset(p[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k <= i; k++)
			cr_assert_eq(p[i][k], i);
	arena_reset(&a);
}

Test(arena, stops_at_its_limit_and_not_before)
{
	struct arena a;

	arena_init(&a, 100);
	cr_expect_not_null(arena_alloc(&a, 64));
	cr_expect_null(arena_alloc(&a, 64));
	cr_expect_not_null(arena_alloc(&a, 36));
	cr_expect_null(arena_alloc(&a, 1));
	arena_reset(&a);
	cr_expect_not_null(arena_alloc(&a, 100), "usable again");
	arena_reset(&a);
}

Test(arena, a_size_that_would_wrap_is_refused)
{
	struct arena a;

	arena_init(&a, 1 << 20);
	cr_expect_null(arena_alloc(&a, SIZE_MAX));
	cr_expect_null(arena_alloc(&a, SIZE_MAX - 8));
	cr_expect_null(arena_strndup(&a, "x", SIZE_MAX));
	arena_reset(&a);
}

Test(arena, zalloc_clears_reused_memory)
{
	struct arena a;
	char *p;

	arena_init(&a, 1 << 20);
	p = arena_alloc(&a, 64);
	memset(p, 0xff, 64);
	arena_rewind(&a);
	p = arena_zalloc(&a, 64);
	for (int i = 0; i < 64; i++)
		cr_assert_eq(p[i], 0);
	arena_reset(&a);
}

Test(arena, rewind_gives_the_whole_budget_back)
{
	struct arena a;

	arena_init(&a, 100000);
	for (int round = 0; round < 5; round++) {
		cr_expect_not_null(arena_alloc(&a, 60000));
		cr_expect_null(arena_alloc(&a, 60000));
		arena_rewind(&a);
		cr_expect_eq(a.used, 0);
	}
	arena_reset(&a);
}

Test(arena, strndup_ends_the_copy)
{
	struct arena a;
	const char *s;

	arena_init(&a, 1 << 10);
	s = arena_strndup(&a, "hello world", 5);
	cr_expect_str_eq(s, "hello");
	arena_reset(&a);
}
