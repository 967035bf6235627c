/* server/dapr/topic_event.h -- a Dapr topic event in wire form as the structured CloudEvent it stands for.
 * Memory: the caller's buffer. Threads: any. Blocking: never. */
#ifndef SERVER_DAPR_TOPIC_EVENT_H
#define SERVER_DAPR_TOPIC_EVENT_H

#include "storage/base/buf.h"

#include <stdint.h>

struct topic_event {
	struct slice id, source, type, spec_version, content_type, data, topic, path, extensions;
};

/* From TopicEventRequest, or TopicEventCERequest (other field numbers). False: no such message. */
bool topic_event_read(struct slice wire, bool of_bulk, struct topic_event *e);
/* A TopicEventBulkRequest: what stands around its entries (field 2), and how many there are. */
struct topic_bulk {
	struct slice topic, path;
	uint32_t n;
};
bool topic_bulk_read(struct slice wire, struct topic_bulk *b);
/* An entry: its id, and its event, or the bytes of one, which are a CloudEvent's text. */
bool topic_entry_read(struct slice wire, struct slice *id, struct topic_event *e, struct slice *bytes);
/* The event as JSON text; extensions' plain values become attributes. Data that is no single JSON value makes
 * the whole text malformed, as it would be in a structured event. */
void topic_event_print(const struct topic_event *e, struct buf *out);

#endif
