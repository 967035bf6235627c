/* server/wire/server.h -- the gRPC door: a listening server on the reactor's completion queue that serves
 * the rows of rpcs[] (server/rpc_table.h) and answers everything else UNIMPLEMENTED.
 * Memory: a fixed number of armed calls a method; a message at most SERVER_MESSAGE_BYTES, compressed or not.
 * Threads: the reactor. Blocking: never. */
#ifndef SERVER_WIRE_SERVER_H
#define SERVER_WIRE_SERVER_H

#include "server/rpc_table.h"
#include "server/services.h"
#include "server/wire/cq.h"

enum { SERVER_MESSAGE_BYTES = 16 << 20 };

struct server;
/* Listens on address:port (SO_REUSEPORT) and serves. services outlives the server. */
MUST_CHECK enum err_code server_create(struct server **out, struct cq *cq, const struct services *services,
				       const char *address, unsigned port, struct err *e);
/* GOAWAY to every client and no new calls; those under way go on. drained runs when the last has ended. */
void server_drain(struct server *s, void (*drained)(void *ctx), void *ctx);
void server_cancel_all(struct server *s);          /* the grace period is over */
struct server *server_destroy(struct server *s);   /* after drained; NULL-safe; returns NULL */

/* What the unary and the streaming side share. */
struct method {
	const struct rpc *rpc;                    /* NULL: any unknown method */
	struct server *server;
	void *registered;                         /* gRPC's handle */
	struct metric *latency[17];               /* by status code, found on first use */
};
grpc_server *server_core(struct server *s);
grpc_completion_queue *server_queue(struct server *s);
const struct services *server_services(struct server *s);
bool server_accepts(const struct server *s);       /* not draining: arm another call */
bool server_peer_is_local(grpc_call *core);        /* the other end is on this machine's loopback */
uint64_t server_peer(grpc_call *core);             /* a hash of the other end's address and port */
void method_observe(struct method *m, int status, uint64_t arrived_us);

/* Armed calls: each arms its successor when it is taken (grpc_call.c, stream.c). */
void unary_arm(struct method *m);
void stream_arm(struct method *m);
struct stream;
struct stream **server_streams(struct server *s);  /* head of the list of open ones */
void stream_drain_all(struct server *s);

#endif
