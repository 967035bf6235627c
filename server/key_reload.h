/* server/key_reload.h -- SIGHUP: the pseudonymization key is read again from its file, without a restart.
 * Memory: one small struct. Threads: the reactor; the file is read on a helper thread. Blocking: never. */
#ifndef SERVER_KEY_RELOAD_H
#define SERVER_KEY_RELOAD_H

#include "server/services.h"
#include "storage/base/err.h"

struct key_reload;
MUST_CHECK enum err_code key_reload_start(struct key_reload **out, const struct services *s, struct err *e);
struct key_reload *key_reload_stop(struct key_reload *k);  /* after the offload pool is gone; NULL-safe */

#endif
