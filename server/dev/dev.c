#include "server/dev/dev.h"

#include "server/dev/child.h"
#include "server/dev/client.h"
#include "server/dev/demo.h"
#include "server/dev/postgres.h"
#include "server/supervisor.h"
#include "storage/base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define WHERE "dev"

enum { STOP_MARGIN_MS = 10000 /* beyond drain_ms; the supervisor kills workers before that */ };

struct dev {
	struct conf *conf;
	struct data_dir dir;
	struct postgres postgres;
	pid_t service, demo;
	bool with_demo, ready, service_failed;
};

static bool read_args(struct dev *d, int argc, char **argv, const char **dir)
{
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--demo"))
			d->with_demo = true;
		else if (!strcmp(argv[i], "--data") && i + 1 < argc)
			*dir = argv[++i];
		else if (!strncmp(argv[i], "--data=", 7) && argv[i][7])
			*dir = argv[i] + 7;
		else
			return fprintf(stderr, "%s: dev takes --data DIR, --demo, and settings\n", argv[i]), false;
	}
	return true;
}

static void use_private_database(struct dev *d)
{
	struct conf *c = d->conf;

	c->db_port = d->postgres.port;
	snprintf(c->db_host, sizeof(c->db_host), "127.0.0.1");
	snprintf(c->db_name, sizeof(c->db_name), "analytics");
	snprintf(c->db_user, sizeof(c->db_user), "analytics");
	snprintf(c->db_password, sizeof(c->db_password), "%s", d->postgres.password);
	snprintf(c->db_sslmode, sizeof(c->db_sslmode), "disable");
}

static enum err_code prepare(struct dev *d, const char *dir, struct err *e)
{
	char key[PII_KEY_BYTES];
	enum err_code c = supervisor_check_ports(d->conf, e);

	if (c || (c = data_dir_open(&d->dir, dir, e)))
		return c;
	log_info(WHERE, "preparing PostgreSQL in %s", d->dir.path);
	d->postgres.max_connections = d->conf->db_max_open_conns + 20;
	c = postgres_prepare(&d->postgres, &d->dir, e);
	if (!c && !*d->conf->pii_hmac_key) {
		c = data_dir_secret(&d->dir, "pii_hmac_key", key, e);
		if (!c)
			memcpy(d->conf->pii_hmac_key, key, sizeof(key));
	}
	if (!c)
		c = postgres_start(&d->postgres, e);
	if (!c)
		use_private_database(d);
	return c;
}

static void start_service(struct dev *d)
{
	struct err e = { 0 };

	d->service = child_fork(SIGKILL);
	if (d->service)
		return;
	data_dir_unlock(&d->dir);
	if (supervisor_run(d->conf, &e)) {
		fprintf(stderr, "analyticsd: %s\n", e.detail);
		exit(1);
	}
	exit(0);
}

static void start_demo(struct dev *d)
{
	d->demo = child_fork(SIGKILL);
	if (d->demo)
		return;
	data_dir_unlock(&d->dir);
	exit(demo_run(d->conf));
}

static void print_addresses(const struct dev *d)
{
	const char *host = client_host(d->conf), *open = strchr(host, ':') ? "[" : "", *shut = *open ? "]" : "";

	printf("gRPC      %s%s%s:%u\n", open, host, shut, d->conf->grpc_port);
	printf("HTTP      http://%s%s%s:%u/\n", open, host, shut, d->conf->http_port);
	printf("database  postgresql://analytics:%s@127.0.0.1:%u/analytics\n", d->postgres.password, d->postgres.port);
	printf("data      %s%s\n", d->dir.path, d->dir.temporary ? " (removed at the end)" : "");
	printf("ready; Ctrl-C ends it\n");
	fflush(stdout);
}

static void look_whether_ready(struct dev *d)
{
	char answer[1024];

	if (client_call(d->conf, "/health/ready", NULL, SLICE(""), answer, sizeof(answer)) != 200)
		return;
	d->ready = true;
	print_addresses(d);
	if (d->with_demo)
		start_demo(d);
}

/* PostgreSQL is started again when it died; one that was shut down in order was meant to be. */
static bool look_after_postgres(struct dev *d)
{
	struct err e = { 0 };
	int status;

	if (!child_ended(&d->postgres.pid, &status))
		return true;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		log_warn(WHERE, "PostgreSQL was shut down by somebody else; it stays down until they start it again");
		return true;
	}
	log_error(WHERE, "PostgreSQL died; it is started again");
	if (!postgres_start(&d->postgres, &e))
		return true;
	log_error(WHERE, "%s", e.detail);
	return false;
}

static void watch(struct dev *d)
{
	int status;

	while (!child_pause(d->ready ? 1000 : 100)) {
		if (child_ended(&d->service, &status)) {
			d->service_failed = true;
			return;
		}
		if (child_ended(&d->demo, &status) && status)
			log_error(WHERE, "the demo shop was not taken in as a whole");
		if (!look_after_postgres(d)) {
			d->service_failed = true;
			return;
		}
		if (!d->ready)
			look_whether_ready(d);
	}
}

static void stop(struct dev *d)
{
	child_stop(&d->demo, SIGKILL, 1000);
	if (!child_stop(&d->service, SIGTERM, d->conf->drain_ms + STOP_MARGIN_MS))
		d->service_failed = true;
	postgres_stop(&d->postgres);
	data_dir_close(&d->dir);
}

int dev_run(struct conf *c, int argc, char **argv)
{
	struct dev d = { .conf = c, .dir = { .lock = -1 } };
	const char *dir = NULL;
	struct err e = { 0 };
	enum err_code code;

	if (!read_args(&d, argc, argv, &dir))
		return 2;
	child_take_signals();
	code = prepare(&d, dir, &e);
	if (!code) {
		start_service(&d);
		watch(&d);
	} else if (code != ERR_CANCELLED) {
		fprintf(stderr, "analyticsd: %s\n", e.detail);
	}
	stop(&d);
	return (code && code != ERR_CANCELLED) || d.service_failed;
}
