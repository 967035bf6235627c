/* server/dev/demo.h -- plays a small made-up shop of the last 30 days into a running service, through its
 * own HTTP door. The same day always gives the same events under the same ids, so playing it again on the
 * same database stores only what is new since.
 * Memory: one batch. Threads: one. Blocking: yes; runs in a process of its own. */
#ifndef SERVER_DEV_DEMO_H
#define SERVER_DEV_DEMO_H

#include "storage/base/conf.h"

/* Says on stdout what was stored. Returns an exit status. */
int demo_run(const struct conf *c);

#endif
