/* server/http/clients.h -- the connections of the HTTP door, so that one that sends its request byte by byte does
 * not hold its place for ever: libmicrohttpd hangs up on silent ones only.
 * Memory: a few words a connection. Threads: the reactor. Blocking: never. */
#ifndef SERVER_HTTP_CLIENTS_H
#define SERVER_HTTP_CLIENTS_H

#include "storage/base/loop.h"

#include <microhttpd.h>

struct http_client;

struct http_clients {
	struct loop *loop;
	struct http_client *first;
	uint64_t patience_us;          /* for a whole request, from the connection's beginning or the answer before */
	ev_timer look;
};

void clients_watch(struct http_clients *cs, struct loop *l, uint64_t patience_us);
void clients_unwatch(struct http_clients *cs);   /* while the daemon is there; also one that was never watched */
/* libmicrohttpd's callback for connections; cls is the struct http_clients. */
void clients_on_connection(void *cls, struct MHD_Connection *c, void **slot,
			   enum MHD_ConnectionNotificationCode what);
void clients_note_request(struct MHD_Connection *c);  /* it is whole: the connection waits for us now */
void clients_note_answer(struct MHD_Connection *c);   /* it was sent, or given up */

#endif
