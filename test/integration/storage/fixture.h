/* test/integration/storage/fixture.h -- a database of its own for a test, a loop, and a relay in front of
 * PostgreSQL that can be stopped, frozen and killed.
 * The server is named by TEST_DB_HOST, TEST_DB_PORT, TEST_DB_NAME, TEST_DB_USER, TEST_DB_PASSWORD; the role
 * may create databases. Without TEST_DB_HOST tests are skipped. */
#ifndef TEST_INTEGRATION_STORAGE_FIXTURE_H
#define TEST_INTEGRATION_STORAGE_FIXTURE_H

#include "storage/base/conf.h"
#include "storage/base/loop.h"
#include "storage/base/offload.h"
#include "storage/event_store.h"

#include <libpq-fe.h>
#include <sys/types.h>

struct world {
	struct conf conf;
	struct loop loop;
	struct offload *offload;
	PGconn *sql;                 /* a session of the test's own */
	char server_db[CONF_TEXT_BYTES];
	ev_timer guard;
	bool late;
};

void world_open(struct world *w);            /* with a migrated database */
void world_open_empty(struct world *w);
void world_close(struct world *w);
/* Runs the loop until cond(arg); fails the test after 30 s. */
void world_until(struct world *w, bool (*cond)(void *arg), void *arg);
const char *world_ask(struct world *w, const char *sql); /* first value as text; valid until the next call */
void world_do(struct world *w, const char *sql);

struct relay {
	pid_t pid;
	uint16_t port, to;
	int listener;
};

void relay_open(struct relay *r, const struct conf *to); /* bound, nobody listens yet */
void relay_start(struct relay *r);
void relay_freeze(struct relay *r);
void relay_kill(struct relay *r);

/* An event of its own identity; n tells them apart. created_at is `days` days before now. */
struct event_row sample_row(unsigned n, int days);

#endif
