/* server/wire/stream.h -- a streaming call over gRPC, either direction.
 * Flow control: one message is read at a time, after stream_read; one is sent at a time, `writable` tells
 * when the next may follow. So a stream holds at most one message each way, and a slow peer slows itself.
 * Memory: the stream owns its arena (rewound before each message). Threads: the reactor. Blocking: never. */
#ifndef SERVER_WIRE_STREAM_H
#define SERVER_WIRE_STREAM_H

#include "server/rpc_table.h"
#include "server/services.h"

struct stream;

struct stream_ops {
	void (*open)(struct stream *s);                        /* the call is there; usually stream_read */
	void (*message)(struct stream *s, struct slice bytes); /* bytes live until stream_read or the end */
	void (*half_closed)(struct stream *s);                 /* the client sends no more */
	void (*writable)(struct stream *s);                    /* the message of stream_send is out */
	void (*drain)(struct stream *s);                       /* we shut down: end soon; NULL: ended at once */
	void (*gone)(struct stream *s);                        /* once, last: ended or cancelled; state is freed here */
};

const struct services *stream_services(const struct stream *s);
struct arena *stream_arena(struct stream *s);
void *stream_state(const struct stream *s);
uint64_t stream_peer(const struct stream *s);                  /* tells connections apart: a hash */
void stream_set_state(struct stream *s, void *state);
void stream_read(struct stream *s);                            /* ask for the next message */
/* False when the message before is not out yet, or the stream has ended. msg is packed before it returns. */
bool stream_send(struct stream *s, const ProtobufCMessage *msg);
/* The same for a message packed already; takes bytes (from malloc) over when it returns true. */
bool stream_send_packed(struct stream *s, void *bytes, size_t n);
bool stream_sending(const struct stream *s);
/* Ends the stream after what was sent; only once. NULL: OK. */
void stream_finish(struct stream *s, const struct status *why);

#endif
