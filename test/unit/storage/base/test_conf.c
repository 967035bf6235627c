#include "storage/base/conf.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* Loads from these arguments (up to a NULL) with an otherwise empty environment; what was said goes to said. */
struct loaded {
	struct conf c;
	bool ok;
	int argc;
	char *argv[16];
	char said[2048];
};

static void load(struct loaded *l, ...)
{
	FILE *to = fmemopen(l->said, sizeof(l->said), "w");
	va_list ap;

	l->argc = 0;
	va_start(ap, l);
	while ((l->argv[l->argc] = va_arg(ap, char *)))
		l->argc++;
	va_end(ap);
	l->ok = conf_load(&l->c, &l->argc, l->argv, to);
	fclose(to);
}

static unsigned lines_of(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void empty_environment(void)
{
	clearenv();
}

TestSuite(conf, .init = empty_environment);

Test(conf, defaults)
{
	struct loaded l = { 0 };

	load(&l, NULL);
	cr_assert(l.ok, "%s", l.said);
	cr_expect_eq(l.c.grpc_port, 9017);
	cr_expect_eq(l.c.http_port, 8017);
	cr_expect_eq(l.c.db_max_open_conns, 50);
	cr_expect_eq(l.c.db_max_idle_conns, 10);
	cr_expect_eq(l.c.db_conn_max_lifetime_sec, 300);
	cr_expect_eq(l.c.db_conn_max_idle_time_sec, 60);
	cr_expect_eq(l.c.retention_days, 90);
	cr_expect_str_eq(l.c.business_timezone, "UTC");
	cr_expect_str_eq(l.c.reporting_currency, "USD");
	cr_expect_str_eq(l.c.pii_hmac_key, "");
	cr_expect_str_eq(l.said, "");
}

Test(conf, a_flag_wins_over_the_environment)
{
	struct loaded l = { 0 };

	setenv("HTTP_PORT", "8100", 1);
	setenv("DB_NAME", "from_env", 1);
	load(&l, "--http-port", "8200", "--db-host=db.example", NULL);
	cr_assert(l.ok, "%s", l.said);
	cr_expect_eq(l.c.http_port, 8200);
	cr_expect_str_eq(l.c.db_name, "from_env");
	cr_expect_str_eq(l.c.db_host, "db.example");
	cr_expect_eq(l.argc, 0);
}

Test(conf, an_empty_variable_is_not_set)
{
	struct loaded l = { 0 };

	setenv("HTTP_PORT", "", 1);
	setenv("DB_PASSWORD", "", 1);
	load(&l, NULL);
	cr_assert(l.ok, "%s", l.said);
	cr_expect_eq(l.c.http_port, 8017);
}

Test(conf, what_is_no_setting_is_left_in_order)
{
	struct loaded l = { 0 };

	load(&l, "--data", "/x", "--http-port", "8200", "--demo", "--http-portly=1", NULL);
	cr_assert(l.ok, "%s", l.said);
	cr_assert_eq(l.argc, 4);
	cr_expect_str_eq(l.argv[0], "--data");
	cr_expect_str_eq(l.argv[1], "/x");
	cr_expect_str_eq(l.argv[2], "--demo");
	cr_expect_str_eq(l.argv[3], "--http-portly=1");
}

/* One wrong setting: one line that names it. */
static const struct { const char *name, *value; } wrong[] = {
	{ "HTTP_PORT", "abc" }, { "HTTP_PORT", "0" }, { "HTTP_PORT", "65536" }, { "HTTP_PORT", "-1" },
	{ "HTTP_PORT", "80 " }, { "HTTP_PORT", "0x50" }, { "HTTP_PORT", "99999999999999999999" },
	{ "HTTP_PORT", "9017" }, { "RETENTION_DAYS", "0" }, { "DB_MAX_OPEN_CONNS", "1" },
	{ "LOG_LEVEL", "loud" }, { "LOG_LEVEL", "INFO" }, { "DB_SSLMODE", "yes" },
	{ "REPORTING_CURRENCY", "usd" }, { "REPORTING_CURRENCY", "USDX" }, { "REPORTING_CURRENCY", "U1D" },
	{ "BUSINESS_TIMEZONE", "Mars/Olympus" }, { "BUSINESS_TIMEZONE", "../../../etc/passwd" },
	{ "BUSINESS_TIMEZONE", "/etc/localtime" }, { "BUSINESS_TIMEZONE", "Europe" },
	{ "BUSINESS_TIMEZONE", "Europe/../UTC" }, { "BUSINESS_TIMEZONE", "zone.tab" },
	{ "LISTEN_ADDRESS", "example.org" }, { "PII_HMAC_KEY", "short" },
	{ "PII_HMAC_KEY", "the-name-of-this-key-is-long:secret" }, { "PII_HMAC_OLD_KEYS", "key" },
	{ "PII_HMAC_OLD_KEYS", "k0:0123456789abcdef,k1:short" }, { "ORDER_SERVICE_ADDR", "orders" },
	{ "PII_HMAC_KEY_ID", "a-name-of-a-key-that-has-more-than-39-bytes" }, { "ORDER_SERVICE_ADDR", "orders:99999" },
	{ "DB_MAX_OPEN_CONNS", "2" }, { "PII_HMAC_KEY_FILE", "/nonexistent/key" }, { "DB_PASSWORD_FILE", "/nonexistent/password" },
};

ParameterizedTestParameters(conf, a_mistake_is_one_line)
{
	static size_t at[sizeof(wrong) / sizeof(*wrong)];

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		at[i] = i;
	return cr_make_param_array(size_t, at, sizeof(at) / sizeof(*at));
}

ParameterizedTest(size_t *i, conf, a_mistake_is_one_line)
{
	struct loaded l = { 0 };

	empty_environment();
	setenv(wrong[*i].name, wrong[*i].value, 1);
	load(&l, NULL);
	cr_expect_not(l.ok, "%s=%s", wrong[*i].name, wrong[*i].value);
	cr_expect_eq(lines_of(l.said), 1, "%s=%s: %s", wrong[*i].name, wrong[*i].value, l.said);
	cr_expect_eq(strncmp(l.said, wrong[*i].name, strlen(wrong[*i].name)), 0, "%s", l.said);
}

Test(conf, every_mistake_is_told_at_once)
{
	struct loaded l = { 0 };

	load(&l, "--http-port", "x", "--grpc-port=y", "--log-level", "z", "--db-port", NULL);
	cr_expect_not(l.ok);
	cr_expect_eq(lines_of(l.said), 4, "%s", l.said);
	cr_expect(strstr(l.said, "--db-port needs a value"));
}

Test(conf, workers_and_connections_have_to_fit)
{
	struct loaded l = { 0 };

	load(&l, "--workers=4", "--db-max-open-conns=11", NULL);
	cr_expect_not(l.ok);
	cr_expect_eq(lines_of(l.said), 1, "%s", l.said);
	load(&l, "--workers=4", "--db-max-open-conns=12", NULL);
	cr_expect(l.ok, "%s", l.said);
	load(&l, "--workers=4", "--db-max-open-conns=8", "--projector=0", NULL);
	cr_expect(l.ok, "%s", l.said);
}

Test(conf, addresses_and_keys_that_are_good)
{
	struct loaded l = { 0 };

	load(&l, "--order-service-addr=dns:///orders.shop:9090", "--pii-hmac-key=k2:0123456789abcdef0123456789abcdef",
	     "--pii-hmac-old-keys=k0:0123456789abcdef,k1:0123456789abcdef", NULL);
	cr_expect(l.ok, "%s", l.said);
	load(&l, "--order-service-addr=[::1]:9090", NULL);
	cr_expect(l.ok, "%s", l.said);
}

Test(conf, good_zones)
{
	static const char *const zones[] = { "UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/GMT+5" };

	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		struct loaded l = { 0 };

		setenv("BUSINESS_TIMEZONE", zones[i], 1);
		load(&l, NULL);
		cr_expect(l.ok, "%s: %s", zones[i], l.said);
	}
}

static void write_file(char path[64], const char *text, size_t n)
{
	int fd;

	snprintf(path, 64, "/tmp/test_conf_XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
}

Test(conf, secrets_come_from_files)
{
	struct loaded l = { 0 };
	char password[64], key[64];

	write_file(password, "pass word\n", 10);
	write_file(key, "0123456789abcdef0123456789abcdef\r\n", 34);
	setenv("DB_PASSWORD_FILE", password, 1);
	load(&l, "--pii-hmac-key-file", key, NULL);
	unlink(password);
	unlink(key);
	cr_assert(l.ok, "%s", l.said);
	cr_expect_str_eq(l.c.db_password, "pass word");
	cr_expect_str_eq(l.c.pii_hmac_key, "0123456789abcdef0123456789abcdef");
}

Test(conf, a_secret_is_set_once)
{
	struct loaded l = { 0 };

	setenv("DB_PASSWORD", "a", 1);
	setenv("DB_PASSWORD_FILE", "/dev/null", 1);
	load(&l, NULL);
	cr_expect_not(l.ok);
	cr_expect(strstr(l.said, "both"), "%s", l.said);
	load(&l, "--db-password=b", NULL);
	cr_expect(l.ok, "the flag wins over both: %s", l.said);
	cr_expect_str_eq(l.c.db_password, "b");
}

Test(conf, a_secret_file_that_is_too_long_or_binary_is_refused)
{
	struct loaded l = { 0 };
	char path[64], text[300];

	memset(text, 'k', sizeof(text));
	write_file(path, text, sizeof(text));
	load(&l, "--db-password-file", path, NULL);
	cr_expect_not(l.ok);
	unlink(path);
	write_file(path, "a\0b", 3);
	load(&l, "--db-password-file", path, NULL);
	cr_expect_not(l.ok);
	unlink(path);
}

Test(conf, a_secret_is_never_said)
{
	struct loaded l = { 0 };

	load(&l, "--pii-hmac-key", "geheim", NULL);
	cr_expect_not(l.ok);
	cr_expect_null(strstr(l.said, "geheim"), "%s", l.said);
}

Test(conf, help_has_a_line_a_setting)
{
	char text[16384] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");
	unsigned rows = 0;

	conf_print_help(to);
	fclose(to);
#define X(field, name, ...) \
	rows++; \
	cr_expect(strstr(text, #name), #name);
	CONF_UINTS(X)
	CONF_STRINGS(X)
	CONF_SECRETS(X)
#undef X
	cr_expect_eq(lines_of(text), rows);
	cr_expect(strstr(text, "--http-port"));
	cr_expect(strstr(text, "DB_PASSWORD_FILE"));
}
