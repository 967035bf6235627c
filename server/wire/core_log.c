#include "server/wire/core_log.h"

#include "storage/base/log.h"

#include <grpc/support/log.h>
#include <stdatomic.h>
#include <string.h>

#define WHERE "grpc"

static atomic_bool lost_listener;

static void on_message(gpr_log_func_args *m)
{
	if (m->severity == GPR_LOG_SEVERITY_ERROR) {
		if (strstr(m->message, "Failed accept4"))
			atomic_store(&lost_listener, true);
		log_error(WHERE, "%s", m->message);
	} else if (m->severity == GPR_LOG_SEVERITY_INFO) {
		log_info(WHERE, "%s", m->message);
	} else {
		log_debug(WHERE, "%s", m->message);
	}
}

void core_log_use(void)
{
	atomic_store(&lost_listener, false);
	gpr_set_log_function(on_message);
}

bool core_log_lost_listener(void)
{
	return atomic_load(&lost_listener);
}
