#include "storage/pg/breaker.h"

#include "storage/base/clock.h"
#include "storage/base/metrics.h"

#include <criterion/criterion.h>

enum { FAILURES = 5, OPEN_MS = 30000 };

static int64_t now_us;
static unsigned probes;

static int64_t fake_now(void)
{
	return now_us;
}

static void count_probe(struct breaker *b)
{
	(void)b;
	probes++;
}

struct told {
	struct breaker_member member;
	struct breaker *breaker;
	unsigned opened, closed;
};

static void on_told(struct breaker_member *m)
{
	struct told *t = (struct told *)m;

	if (breaker_allows(t->breaker))
		t->closed++;
	else
		t->opened++;
}

static struct loop loop;

static struct breaker *open_breaker(struct told *t)
{
	struct conf c = { .breaker_failures = FAILURES, .breaker_open_ms = OPEN_MS };
	struct breaker *b;

	loop.ev = ev_loop_new(EVFLAG_AUTO);
	clock_fake(fake_now, fake_now);
	probes = 0;
	cr_assert_eq(breaker_create(&b, &c, &loop, NULL, NULL), ERR_OK);
	breaker_probe_with(b, count_probe);
	*t = (struct told){ .member.changed = on_told, .breaker = b };
	breaker_join(b, &t->member);
	return b;
}

static void close_breaker(struct breaker *b, struct told *t)
{
	breaker_leave(b, &t->member);
	breaker_destroy(b);
	clock_fake(NULL, NULL);
	ev_loop_destroy(loop.ev);
}

static void fail_times(struct breaker *b, unsigned n)
{
	while (n--)
		breaker_failed(b);
}

static double gauge(void)
{
	return metrics_sum(M_DB_BREAKER, NULL, NULL);
}

Test(breaker, opens_after_the_fifth_failure_in_a_row)
{
	struct told t;
	struct breaker *b = open_breaker(&t);

	fail_times(b, FAILURES - 1);
	cr_expect(breaker_allows(b));
	cr_expect_eq(gauge(), 0);
	breaker_answered(b);
	fail_times(b, FAILURES - 1);
	cr_expect(breaker_allows(b), "an answer ended the row");
	breaker_failed(b);
	cr_expect(!breaker_allows(b));
	cr_expect_eq(breaker_state(b), BREAKER_OPEN);
	cr_expect_eq(gauge(), 2);
	cr_expect_eq(t.opened, 1);
	fail_times(b, FAILURES);
	breaker_answered(b);
	breaker_connected(b);
	cr_expect(!breaker_allows(b), "only the probe decides");
	cr_expect_eq(t.opened, 1);
	close_breaker(b, &t);
}

Test(breaker, both_kinds_of_failures_count_together)
{
	struct told t;
	struct breaker *b = open_breaker(&t);

	for (unsigned i = 0; i < 10; i++) {
		breaker_cannot_connect(b);
		breaker_cannot_connect(b);
		breaker_connected(b);
	}
	cr_expect(breaker_allows(b), "a connection ended each row");
	fail_times(b, FAILURES - 1);
	breaker_connected(b);
	cr_expect(breaker_allows(b));
	breaker_cannot_connect(b);
	cr_expect(!breaker_allows(b), "to connect is no answer");
	close_breaker(b, &t);
}

Test(breaker, one_probe_decides)
{
	struct told t;
	struct breaker *b = open_breaker(&t);

	fail_times(b, FAILURES);
	now_us += (OPEN_MS - 1) * INT64_C(1000);
	breaker_look(b);
	cr_expect_eq(probes, 0, "too early");
	now_us += 1000;
	breaker_look(b);
	breaker_look(b);
	cr_expect_eq(probes, 1);
	cr_expect_eq(breaker_state(b), BREAKER_HALF_OPEN);
	cr_expect_eq(gauge(), 1);
	cr_expect(!breaker_allows(b), "the probe goes alone");

	breaker_probed(b, false);
	cr_expect_eq(breaker_state(b), BREAKER_OPEN);
	cr_expect_eq(t.closed, 0);
	breaker_look(b);
	cr_expect_eq(probes, 1, "it waits as long again");
	now_us += OPEN_MS * INT64_C(1000);
	breaker_look(b);
	cr_expect_eq(probes, 2);

	breaker_probed(b, true);
	cr_expect(breaker_allows(b));
	cr_expect_eq(gauge(), 0);
	cr_expect_eq(t.closed, 1);
	fail_times(b, FAILURES - 1);
	cr_expect(breaker_allows(b), "it counts anew");
	close_breaker(b, &t);
}

Test(breaker, none_never_opens)
{
	struct breaker_member m = { 0 };

	breaker_join(NULL, &m);
	fail_times(NULL, 100);
	breaker_cannot_connect(NULL);
	breaker_connected(NULL);
	breaker_answered(NULL);
	cr_expect(breaker_allows(NULL));
	breaker_leave(NULL, &m);
	cr_expect_null(breaker_destroy(NULL));
}
