/* server/dev/dev.h -- `analyticsd dev`: a private PostgreSQL, the schema, the service, perhaps a demo shop,
 * all ended together. Everything runs in child processes of this one.
 * Threads: none. Blocking: yes. */
#ifndef SERVER_DEV_DEV_H
#define SERVER_DEV_DEV_H

#include "storage/base/conf.h"

/* argv: [--data DIR] [--demo]. Returns the program's exit status. */
int dev_run(struct conf *c, int argc, char **argv);

#endif
