#include "test/integration/storage/fixture.h"

#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/metrics.h"
#include "storage/migrate.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static PGconn *connect_to(const struct conf *c, const char *db)
{
	char port[16];
	const char *names[] = { "host", "port", "user", "password", "dbname", NULL };
	const char *values[] = { c->db_host, port, c->db_user, c->db_password, db, NULL };
	PGconn *pg;

	snprintf(port, sizeof(port), "%u", c->db_port);
	pg = PQconnectdbParams(names, values, 0);
	cr_assert_eq(PQstatus(pg), CONNECTION_OK, "%s", PQerrorMessage(pg));
	return pg;
}

static void set_text(char *to, const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	snprintf(to, CONF_TEXT_BYTES, "%s", v ? v : otherwise);
}

static void on_server(struct world *w, const char *verb)
{
	PGconn *pg = connect_to(&w->conf, w->server_db);
	char sql[2 * CONF_TEXT_BYTES];
	PGresult *r;

	snprintf(sql, sizeof(sql), "%s DATABASE %s%s", verb, w->conf.db_name,
		 strcmp(verb, "DROP") ? "" : " WITH (FORCE)");
	r = PQexec(pg, sql);
	cr_assert_eq(PQresultStatus(r), PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
	PQclear(r);
	PQfinish(pg);
}

static void on_guard(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct world *w = t->data;

	(void)revents;
	w->late = true;
	ev_break(ev, EVBREAK_ALL);
}

void world_open_empty(struct world *w)
{
	const char *port = getenv("TEST_DB_PORT");
	char *argv[] = { NULL };
	int argc = 0;

	if (!getenv("TEST_DB_HOST"))
		cr_skip_test("TEST_DB_HOST is not set");
	memset(w, 0, sizeof(*w));
	cr_assert(conf_load(&w->conf, &argc, argv, stderr));
	set_text(w->conf.db_host, "TEST_DB_HOST", "");
	set_text(w->conf.db_user, "TEST_DB_USER", "analytics");
	set_text(w->conf.db_password, "TEST_DB_PASSWORD", "");
	set_text(w->server_db, "TEST_DB_NAME", "analytics");
	w->conf.db_port = port ? (uint32_t)atoi(port) : 5432;
	snprintf(w->conf.db_name, sizeof(w->conf.db_name), "test_storage_%d", (int)getpid());
	log_set_level("error");
	cr_assert_eq(metrics_create(1, NULL), ERR_OK);
	metrics_use_slot(0);
	on_server(w, "CREATE");
	w->sql = connect_to(&w->conf, w->conf.db_name);
	w->loop.ev = ev_loop_new(EVFLAG_AUTO);
	ev_init(&w->guard, on_guard);
	w->guard.data = w;
	cr_assert_eq(offload_create(&w->offload, &w->loop, 2, 64, NULL), ERR_OK);
}

void world_open(struct world *w)
{
	struct err e = { 0 };

	world_open_empty(w);
	cr_assert_eq(migrate_run(&w->conf, &e), ERR_OK, "%s", e.detail);
}

void world_close(struct world *w)
{
	offload_destroy(w->offload);
	ev_loop_destroy(w->loop.ev);
	PQfinish(w->sql);
	on_server(w, "DROP");
}

void world_until(struct world *w, bool (*cond)(void *arg), void *arg)
{
	w->late = false;
	loop_timer(&w->loop, &w->guard, 30, 0);
	while (!w->late && !cond(arg))
		ev_run(w->loop.ev, EVRUN_ONCE);
	loop_timer_stop(&w->loop, &w->guard);
	cr_assert(cond(arg), "waited in vain");
}

const char *world_ask(struct world *w, const char *sql)
{
	static char text[4096];
	PGresult *r = PQexec(w->sql, sql);

	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQerrorMessage(w->sql));
	snprintf(text, sizeof(text), "%s", PQntuples(r) ? PQgetvalue(r, 0, 0) : "(none)");
	PQclear(r);
	return text;
}

void world_do(struct world *w, const char *sql)
{
	PGresult *r = PQexec(w->sql, sql);

	cr_assert(PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK, "%s",
		  PQerrorMessage(w->sql));
	PQclear(r);
}

/* The relay */

static void copy_some(int from, int to)
{
	char bytes[65536];
	ssize_t n = recv(from, bytes, sizeof(bytes), 0), at = 0, put;

	if (n <= 0) {
		shutdown(to, SHUT_RDWR);
		shutdown(from, SHUT_RDWR);
		return;
	}
	for (; at < n; at += put)
		if ((put = send(to, bytes + at, (size_t)(n - at), MSG_NOSIGNAL)) <= 0)
			return;
}

/* Both ways of one connection, until either side ends. */
static void relay_one(int client, struct sockaddr_in to)
{
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };

	if (connect(server, (struct sockaddr *)&to, sizeof(to)))
		_exit(0);
	while (poll(p, 2, -1) > 0) {
		if ((p[0].revents | p[1].revents) & (POLLHUP | POLLERR))
			_exit(0);
		if (p[0].revents)
			copy_some(client, server);
		if (p[1].revents)
			copy_some(server, client);
	}
	_exit(0);
}

void relay_open(struct relay *r, const struct conf *to)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(any);

	r->listener = socket(AF_INET, SOCK_STREAM, 0);
	r->pid = 0;
	r->to = (uint16_t)to->db_port;
	cr_assert_eq(bind(r->listener, (struct sockaddr *)&any, n), 0);
	cr_assert_eq(getsockname(r->listener, (struct sockaddr *)&any, &n), 0);
	r->port = ntohs(any.sin_port);
}

void relay_start(struct relay *r)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(r->to) };
	int client;

	cr_assert_eq(listen(r->listener, 64), 0);
	if ((r->pid = fork())) {
		close(r->listener);
		return;
	}
	setpgid(0, 0); /* its children are frozen and killed with it */
	signal(SIGCHLD, SIG_IGN);
	while ((client = accept(r->listener, NULL, NULL)) >= 0) {
		if (!fork()) {
			close(r->listener);
			relay_one(client, to);
		}
		close(client);
	}
	_exit(0);
}

static void relay_signal(struct relay *r, int signal_number)
{
	setpgid(r->pid, r->pid); /* if the child has not come to it yet; fails harmlessly if it has */
	cr_assert_eq(kill(-r->pid, signal_number), 0);
}

void relay_freeze(struct relay *r)
{
	relay_signal(r, SIGSTOP);
}

void relay_kill(struct relay *r)
{
	relay_signal(r, SIGKILL);
	cr_assert_eq(waitpid(r->pid, NULL, 0), r->pid);
}

struct event_row sample_row(unsigned n, int days)
{
	static char id[64][32];
	static unsigned at;
	char *text = id[at++ % 64];
	struct event_row r = {
		.created_at_us = clock_wall_us() - days * INT64_C(86400000000),
		.received_at_us = clock_wall_us(),
		.event_type = SLICE("purchase"), .event_source = SLICE("shop"), .schema_version = SLICE("v1"),
		.order_id = SLICE("o1"), .has_amount = true, .amount = { 123456, 2 }, .currency = SLICE("USD"),
		.items = SLICE("[{\"product_id\": \"p1\", \"quantity\": 2, \"price\": 10.5}]"),
		.properties = SLICE("{\"campaign\": \"spring\"}"),
	};

	snprintf(text, sizeof(id[0]), "event-%u", n);
	r.event_id = slice_of(text);
	/* Scattered like real keys, so that a batch has to be sorted. */
	for (unsigned i = 0; i < 4; i++)
		r.key.b[i] = (uint8_t)((n * 2654435761u) >> (24 - 8 * i));
	memcpy(r.key.b + 12, &n, sizeof(n));
	r.digest[0] = 1;
	r.has_entity = true; /* a few that all share, in an order that is not the keys' */
	r.entity.b[0] = (uint8_t)(n % 7);
	return r;
}
