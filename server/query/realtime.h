/* server/query/realtime.h -- the figures of the present, and who listens to them.
 * However many listen, a worker asks PostgreSQL once for each time zone in use, about once a second, and less often
 * when the answer takes long (a quarter of the time at most). What it gets is a frame, made once and shared. A
 * listener hears of a frame that says something new, and of one at least every 10 seconds; who is still busy with an
 * older one misses those between. When the figures cannot be had for so long, the listeners are ended.
 * Memory: REALTIME_STREAMS listeners (theirs), MAX_ZONES zones with a frame each. Threads: the reactor. Blocking:
 * never. Errors: as a listener's end. */
#ifndef SERVER_QUERY_REALTIME_H
#define SERVER_QUERY_REALTIME_H

#include "server/wire/call.h"
#include "storage/base/err.h"

struct realtime;
struct realtime_topic;

struct realtime_frame {
	unsigned refs;
	uint64_t version;            /* grows when listeners are to hear of it; never 0 */
	struct slice packed;         /* a StreamRealTimeMetricsResponse */
	struct slice event;          /* the same as a server-sent event: its data is JSON */
};

struct realtime_listener {
	struct realtime_listener *next, **at;                   /* the topic's */
	struct realtime_topic *topic;                           /* NULL: not listening */
	void (*changed)(struct realtime_listener *l);           /* realtime_frame has a newer version */
	/* It listens no more, and not by its own will. */
	void (*ended)(struct realtime_listener *l, const struct status *why);
};

MUST_CHECK enum err_code realtime_create(struct realtime **out, const struct services *s, struct err *e);
/* The pool is gone, and so is whoever listened. NULL-safe; returns NULL. */
struct realtime *realtime_destroy(struct realtime *rt);
void realtime_drain(struct realtime *rt); /* ends every listener; none comes any more */

/* zone: as the caller gave it, NULL or "" for the default. False: *why says why not. Calls nothing back. */
MUST_CHECK bool realtime_listen(struct realtime *rt, struct realtime_listener *l, const char *zone, struct status *why);
void realtime_leave(struct realtime_listener *l);       /* a no-op for one that does not listen */
struct realtime_frame *realtime_frame(const struct realtime_listener *l); /* NULL: none yet; see _hold */
struct realtime_frame *realtime_frame_hold(struct realtime_frame *f);
struct realtime_frame *realtime_frame_drop(struct realtime_frame *f);     /* NULL-safe; returns NULL */

#endif
