#include "storage/pg/connect.h"

#include <stdio.h>
#include <string.h>

enum { MIGRATE_LOCK_TIMEOUT_MS = 60000, LOCK_TIMEOUT_MS = 2000, OPTIONS_BYTES = 1024 };

static void option(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s-c %s=%s", b->n ? " " : "", name, value);
}

static void option_ms(struct buf *b, const char *name, unsigned ms)
{
	char text[24];

	snprintf(text, sizeof(text), "%u", ms);
	option(b, name, text);
}

void pg_session_options(struct buf *out, const struct conf *c, enum sql_class k)
{
	unsigned statement = c->db_statement_timeout_ms;
	unsigned lock = statement / 2 < LOCK_TIMEOUT_MS ? statement / 2 : LOCK_TIMEOUT_MS;

	option(out, "TimeZone", "UTC");
	option(out, "jit", "off"); /* compiling costs more than any of our statements */
	option_ms(out, "statement_timeout", k == SQL_MIGRATE ? 0 : statement);
	option_ms(out, "lock_timeout", k == SQL_MIGRATE ? MIGRATE_LOCK_TIMEOUT_MS : lock);
	/* A transaction left open would hold back vacuum; ours end with their Sync. */
	option_ms(out, "idle_in_transaction_session_timeout", k == SQL_MIGRATE ? 0 : statement * 2);
	if (k == SQL_QUESTION) /* ranges differ too much for one plan */
		option(out, "plan_cache_mode", "force_custom_plan");
	if (k == SQL_PROJECT) {
		/* What a crash takes back it takes back whole, the marks with what was made of them. */
		option(out, "synchronous_commit", "off");
		option(out, "default_transaction_isolation", "read\\ committed");
		option(out, "plan_cache_mode", "force_generic_plan");
		option(out, "temp_buffers", "64MB");
		option(out, "work_mem", "32MB");
	}
	if (k != SQL_INGEST)
		return;
	/* Acked means durable, and ON CONFLICT needs the isolation it was written for: whatever the
	 * role's or the database's defaults are. */
	option(out, "synchronous_commit", "on");
	option(out, "default_transaction_isolation", "read\\ committed");
	option(out, "plan_cache_mode", "force_generic_plan");
}

static void ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

PGconn *pg_connect(const struct conf *c, enum sql_class k)
{
	char port[16], timeout_s[16], user_timeout_ms[16];
	struct buf options;
	PGconn *pg;

	snprintf(port, sizeof(port), "%u", c->db_port);
	snprintf(timeout_s, sizeof(timeout_s), "%u", c->db_connect_timeout_sec);
	snprintf(user_timeout_ms, sizeof(user_timeout_ms), "%u", c->db_statement_timeout_ms);
	buf_init(&options, OPTIONS_BYTES);
	pg_session_options(&options, c, k);
	buf_putc(&options, '\0');
	if (options.failed)
		return NULL;

	const struct {
		const char *name, *value;
	} rows[] = {
		{ "host", c->db_host },
		{ "port", port },
		{ "dbname", c->db_name },
		{ "user", c->db_user },
		{ "password", c->db_password[0] ? c->db_password : NULL },
		{ "sslmode", c->db_sslmode },
		{ "gssencmode", "disable" },
		{ "connect_timeout", timeout_s },
		{ "tcp_user_timeout", user_timeout_ms },
		{ "keepalives_idle", "5" },
		{ "keepalives_interval", "2" },
		{ "keepalives_count", "3" },
		{ "client_encoding", "UTF8" },
		{ "application_name", "analyticsd" },
		{ "options", options.p },
		/* Several hosts: the one that takes writes. */
		{ "target_session_attrs", strchr(c->db_host, ',') ? "read-write" : NULL },
	};
	enum { ROWS = sizeof(rows) / sizeof(*rows) };
	const char *names[ROWS + 1] = { NULL }, *values[ROWS + 1] = { NULL };

	for (size_t i = 0; i < ROWS; i++) {
		names[i] = rows[i].name;
		values[i] = rows[i].value;
	}
	pg = PQconnectdbParams(names, values, 0); /* dbname is a name, never a connection string */
	buf_reset(&options);
	if (pg)
		PQsetNoticeProcessor(pg, ignore_notice, NULL);
	return pg;
}

void pg_reason(const PGconn *pg, char *out, size_t bytes)
{
	const char *text = pg ? PQerrorMessage(pg) : "out of memory";

	snprintf(out, bytes, "%.*s", (int)strcspn(text, "\n"), text);
}
