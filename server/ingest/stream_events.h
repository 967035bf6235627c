/* server/ingest/stream_events.h -- EventIngestService.StreamEvents. */
#ifndef SERVER_INGEST_STREAM_EVENTS_H
#define SERVER_INGEST_STREAM_EVENTS_H

#include "server/wire/stream.h"

extern const struct stream_ops stream_events;

#endif
