/* server/ingest/event.h -- one event from what arrived to a row or a rejection.
 * The stages decode -> resolve type -> validate -> anonymize do no I/O and read no clock; an event's first
 * failure is its verdict. Below `anonymize` no personal data exists in clear.
 * Memory: everything in the event's arena; slices may point into the arrived bytes. Threads: one.
 * Blocking: never. */
#ifndef SERVER_INGEST_EVENT_H
#define SERVER_INGEST_EVENT_H

#include "storage/base/arena.h"
#include "storage/base/json.h"
#include "storage/event_store.h"

/* The codes of product answers, in the order in which they are looked for. */
#define REJECT_TABLE(X)                                                                             \
	X(MALFORMED_JSON) X(TOO_LARGE) X(MISSING_ENVELOPE_FIELD) X(UNKNOWN_EVENT_TYPE)              \
	X(UNSUPPORTED_SCHEMA_VERSION) X(MISSING_FIELD) X(INVALID_FIELD) X(TIMESTAMP_IN_FUTURE)      \
	X(TIMESTAMP_TOO_OLD) X(ID_CONFLICT)
#define X(n) REJECT_##n,
enum reject_code { REJECT_NONE, REJECT_TABLE(X) REJECT_CODES };
#undef X
const char *reject_name(enum reject_code c);  /* "MISSING_FIELD" for both of that name */

struct rejection {
	enum reject_code code;
	char field[128];    /* its path as sent: data.items[0].price; "" when no one field is to blame */
	char message[160];  /* for people; holds nothing of the event's content */
};

/* What arrived, whatever the way in. Absent slices have p == NULL. */
struct event_in {
	struct slice id, source, type, time, traceparent, spec_version, sequence;
	struct slice topic;          /* the bus's topic when it says one */
	struct slice route;          /* the way in, for what is unreadable: "/events/orders", "PublishEvents" */
	const struct json *data;     /* NULL: absent */
	struct slice raw;            /* the arrived bytes of this event (JSON text, or data of a protobuf event) */
	bool opaque;                 /* raw is a typed message, or base64: its personal data carries no keys to know it by */
	const char *bad_field;       /* an attribute that is there with the wrong type; static; NULL: none */
	const char *bad_why;         /* what is wrong with it; static; NULL: the type */
	struct slice anonymized;     /* the mark of a dead letter's payload; means something in a replay only */
	struct slice anonymized_key; /* likewise: the id of the key that made its hashes */
};

struct pii_key {
	struct slice id, secret;
};

/* A dead letter on its way through once more: its payload is anonymized already. */
struct event_replay {
	struct event_key key;        /* the letter's: made of the identity as it was sent */
	int64_t arrived_us;          /* when it came first: the time of an event that brought none */
};

struct narrowings; /* server/ingest/narrow.h */

struct event_rules {
	int64_t now_us;              /* wall clock of this loop turn */
	uint32_t retention_days;
	const char *reporting_currency;
	const struct pii_key *key;
	const struct event_replay *replay; /* NULL: the event comes from outside */
	const struct narrowings *schemas;  /* registered ones; NULL: none */
};

/* Reads one CloudEvent in JSON (structured mode, also as Dapr sends it; data or data_base64).
 * False with *rej filled: MALFORMED_JSON or TOO_LARGE (over 1 MiB). route is copied into *in. */
bool event_decode_json(struct arena *a, struct slice text, struct slice route, struct event_in *in,
		       struct rejection *rej);
/* The same from one io.cloudevents.v1.CloudEvent message in wire form. */
bool event_decode_proto(struct arena *a, struct slice wire, struct slice route, struct event_in *in,
			struct rejection *rej);
/* Walks the `events` of a PublishEventsRequest: each call yields the next one's bytes. False at the end;
 * *bad is set when the bytes are no protobuf message. */
bool event_next_proto(struct slice request, size_t *at, struct slice *event, bool *bad);

/* Everything from the envelope to the anonymized row. False with *rej filled. row's slices live in a. */
bool event_judge(struct arena *a, const struct event_in *in, const struct event_rules *rules,
		 struct event_row *row, struct rejection *rej);

/* The dead letter of a rejected event, anonymized; in may be what decode could read so far. Identity as in
 * event_judge where it can be read, else of the keyed hash of in->raw. letter's slices live in a.
 * False when the arena is full. */
bool event_letter(struct arena *a, const struct event_in *in, const struct event_rules *rules,
		  const struct rejection *rej, struct dead_letter *letter);
/* Does a letter with this code and payload hold the whole event, so that it can be judged once more? */
bool event_letter_whole(struct slice error_code, struct slice payload);

#endif
