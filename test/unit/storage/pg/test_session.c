#include "storage/pg/connect.h"
#include "storage/pg/pgq.h"

#include <criterion/criterion.h>

static const char *options(uint32_t statement_timeout_ms, enum sql_class k)
{
	static char text[1024];
	static struct conf c;
	struct buf b;

	c.db_statement_timeout_ms = statement_timeout_ms;
	buf_init(&b, sizeof(text));
	pg_session_options(&b, &c, k);
	buf_putc(&b, '\0');
	cr_assert(!b.failed);
	memcpy(text, b.p, b.n);
	buf_reset(&b);
	return text;
}

Test(session, settings_follow_the_work)
{
	cr_expect(strstr(options(10000, SQL_INGEST), "-c statement_timeout=10000 -c lock_timeout=2000"));
	cr_expect(strstr(options(300, SQL_INGEST), "-c statement_timeout=300 -c lock_timeout=150"));
	cr_expect(strstr(options(10000, SQL_INGEST), "synchronous_commit=on"));
	cr_expect(strstr(options(10000, SQL_INGEST), "plan_cache_mode=force_generic_plan"));
	cr_expect(strstr(options(10000, SQL_QUESTION), "plan_cache_mode=force_custom_plan"));
	cr_expect(!strstr(options(10000, SQL_MIGRATE), "plan_cache_mode"));
	for (enum sql_class k = SQL_INGEST; k <= SQL_NONE; k++)
		cr_expect(strstr(options(10000, k), "-c jit=off"));
	cr_expect(strstr(options(10000, SQL_MIGRATE), "-c statement_timeout=0"));
	cr_expect(strstr(options(10000, SQL_QUESTION), "-c TimeZone=UTC"));
}

Test(session, statements_belong_to_one_class)
{
	cr_expect_eq(sql_class_of("ingest_events"), SQL_INGEST);
	cr_expect_eq(sql_class_of("letter_put"), SQL_INGEST);
	cr_expect_eq(sql_class_of("letters_page"), SQL_QUESTION);
	cr_expect_eq(sql_class_of("migrate_lock"), SQL_MIGRATE);
	cr_expect_eq(sql_class_of("tx_commit"), SQL_QUESTION);
	cr_expect(strstr(sql_text("ingest_events"), "processed_events"));
}

Test(session, waits_double_up_to_five_seconds)
{
	for (unsigned failures = 0; failures < 100; failures++) {
		double most = failures < 2 ? 0.1 : failures > 6 ? 5 : 0.1 * (1 << (failures - 1));
		double s = pgq_backoff_s(failures);

		cr_expect(s >= most / 2 && s <= most, "%u: %f", failures, s);
	}
}
