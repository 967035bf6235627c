/* server/wire/core_log.h -- what gRPC's core says, in our log; and the one thing that it only says: that a port was
 * given up. Its listener ends for good at the first accept that fails, as when descriptors run out.
 * Memory: none. Threads: any. Blocking: never. */
#ifndef SERVER_WIRE_CORE_LOG_H
#define SERVER_WIRE_CORE_LOG_H

#include <stdbool.h>

void core_log_use(void);              /* before anything else of gRPC's */
bool core_log_lost_listener(void);    /* a port of this process takes no connections any more */

#endif
