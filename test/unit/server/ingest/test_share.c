/* Who may have how much of the queue. */
#include "server/ingest/share.h"

#include <criterion/criterion.h>

enum { LIMIT = 1 << 20, BATCH = 10000 };

static unsigned flood(struct share *s, uint64_t source, size_t bytes)
{
	unsigned n = 0;

	while (share_take(s, source, bytes))
		n++;
	return n;
}

Test(share, one_source_alone_has_a_third)
{
	struct share s = { .limit = LIMIT };

	cr_expect(flood(&s, 1, BATCH) * BATCH <= LIMIT / 3 + BATCH);
	cr_expect_gt(s.used, LIMIT / 4);
	cr_expect(share_take(&s, 2, BATCH), "there is room for another");
}

Test(share, many_that_flood_leave_room_for_a_request_of_their_size)
{
	struct share s = { .limit = LIMIT };

	for (uint64_t source = 1; source < 1000; source++)
		flood(&s, source, BATCH);
	cr_expect_geq(LIMIT - s.used, BATCH);
	cr_expect(share_take(&s, 5000, BATCH / 4));
}

Test(share, a_crumb_is_taken_from_anybody)
{
	struct share s = { .limit = LIMIT };

	flood(&s, 1, BATCH);
	cr_expect_not(share_take(&s, 1, BATCH));
	cr_expect(share_take(&s, 1, 500));
}

Test(share, an_empty_queue_takes_what_fits_and_nothing_above)
{
	struct share s = { .limit = LIMIT };

	cr_expect_not(share_take(&s, 1, LIMIT + 1));
	cr_expect(share_take(&s, 1, LIMIT));
	cr_expect_not(share_take(&s, 2, 1));
	share_give(&s, 1, LIMIT);
	cr_expect_eq(s.used, 0);
	cr_expect(share_take(&s, 2, LIMIT), "what was given back can be had again");
}
