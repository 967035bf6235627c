/* server/supervisor.h -- the process above the workers: migrates, starts them, restarts one that dies, and
 * ends them in order. It never uses gRPC itself, so that it may fork at any time.
 * Memory: one shared mapping with the settings, and the metrics. Threads: none. Blocking: yes, it waits
 * for signals and children. */
#ifndef SERVER_SUPERVISOR_H
#define SERVER_SUPERVISOR_H

#include "storage/base/conf.h"
#include "storage/base/err.h"

/* Serves until SIGTERM or SIGINT; SIGHUP makes the workers read their secrets' files again. ERR_OK when every worker then ended by itself within drain_ms.
 * Ends the service when the schema is newer than this program, or when a worker cannot start at all.
 * Blocks these signals and SIGCHLD for the calling process; no other children may be running in it. */
MUST_CHECK enum err_code supervisor_run(const struct conf *conf, struct err *e);

/* Are the ports of the doors to be had? Waits a moment for who is about to leave them. supervisor_run asks as well;
 * before: who has work to do until then, or takes whatever answers there for the service. */
MUST_CHECK enum err_code supervisor_check_ports(const struct conf *conf, struct err *e);

#endif
