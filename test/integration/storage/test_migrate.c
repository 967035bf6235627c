#include "storage/migrate.h"
#include "test/integration/storage/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Test(migrate, several_processes_at_once)
{
	struct world w;
	pid_t pid[4];
	int status;

	world_open_empty(&w);
	w.conf.retention_days = 30;
	for (unsigned i = 0; i < 4; i++)
		if (!(pid[i] = fork()))
			_exit(migrate_run(&w.conf, NULL) == ERR_OK ? 0 : 1);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_expect_eq(status, 0);
	}
	cr_expect_str_eq(world_ask(&w, "SELECT count(*) = max(version) FROM schema_migrations"), "t");
	/* From the month of the retention horizon up to the one two months ahead. */
	cr_expect_str_eq(world_ask(&w,
		"SELECT (SELECT count(*) FROM pg_inherits WHERE inhparent = 'analytics_events'::regclass) = "
		"(SELECT count(*) FROM generate_series(date_trunc('month', (now() - interval '30 days') "
		"AT TIME ZONE 'UTC'), now() AT TIME ZONE 'UTC' + interval '2 months', interval '1 month'))"), "t");
	world_close(&w);
}

Test(migrate, refuses_a_newer_schema)
{
	struct world w;
	struct err e;

	world_open(&w);
	cr_expect_eq(migrate_run(&w.conf, &e), ERR_OK); /* again: nothing to do */
	world_do(&w, "INSERT INTO schema_migrations (version, name) VALUES (9999, '9999_future')");
	cr_expect_eq(migrate_run(&w.conf, &e), ERR_PRECONDITION);
	world_close(&w);
}

Test(migrate, says_when_postgres_is_away)
{
	struct world w;
	struct relay r;
	struct err e;
	uint32_t port;

	world_open_empty(&w);
	port = w.conf.db_port;
	relay_open(&r, &w.conf); /* bound, but nobody listens */
	w.conf.db_port = r.port;
	if (w.conf.db_host[0] != '/')
		cr_expect_eq(migrate_run(&w.conf, &e), ERR_STORE);
	w.conf.db_port = port;
	world_close(&w);
}
