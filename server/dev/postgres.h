/* server/dev/postgres.h -- the private PostgreSQL of a dev instance: on a loopback port, no socket file,
 * fsync on, scram passwords, its own user when we are root.
 * Threads: one. Blocking: yes; a signal to stop (child_pause) ends the waiting. */
#ifndef SERVER_DEV_POSTGRES_H
#define SERVER_DEV_POSTGRES_H

#include "server/dev/data_dir.h"

struct postgres {
	struct data_dir *dir;
	char bin[DATA_DIR_PATH_BYTES];
	char password[PII_KEY_BYTES];
	unsigned port, max_connections;
	pid_t pid;
};

/* Makes the cluster if DIR has none. ERR_CANCELLED: asked to stop meanwhile. */
MUST_CHECK enum err_code postgres_prepare(struct postgres *p, struct data_dir *dir, struct err *e);
/* Starts it on p->port (0: a free one, kept in p->port) and waits until it answers; makes the database. */
MUST_CHECK enum err_code postgres_start(struct postgres *p, struct err *e);
void postgres_stop(struct postgres *p);      /* fast shutdown, also of one that somebody else started on DIR */

#endif
