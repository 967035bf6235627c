/* server/ingest/publish.h -- EventIngestService.PublishEvents. */
#ifndef SERVER_INGEST_PUBLISH_H
#define SERVER_INGEST_PUBLISH_H

#include "server/wire/call.h"

/* Takes the request's bytes as they are and decodes event by event: its memory is that of one event. */
void publish_events(struct call *c, const ProtobufCMessage *req);

#endif
