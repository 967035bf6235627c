/* server/ingest/fields.h -- the named fields of an event's data: found, looked for, checked.
 * Both schema versions end here: below, nobody asks which one it was.
 * Memory: slices point into the parsed data; items live in the arena. Threads: one. Blocking: never. */
#ifndef SERVER_INGEST_FIELDS_H
#define SERVER_INGEST_FIELDS_H

#include "server/ingest/event.h"
#include "server/ingest/event_table.h"
#include "server/ingest/money.h"
#include "server/ingest/narrow.h"
#include "server/ingest/pii.h"

struct item {
	struct slice product_id, sku, category, brand, seller_id; /* p NULL: absent */
	int64_t quantity, price, cost;                            /* money in minor units */
	bool has_cost;
	const struct json *sent;
};

struct event_fields {
	const struct topic *topic;
	const struct json *data;
	bool v2;                            /* its shape: registered versions have it, too */
	struct slice version;               /* v1, v2, or a registered one */
	const struct narrowing *narrowing;  /* what is registered for it; NULL: nothing */
	const struct json *context;         /* v2's, when it is an object or empty */
	const struct json *metadata;        /* when cart_id was taken from it */
	uint8_t *member;                    /* enum field of each member of data, in its order */
	bool status_alias;                  /* new_status came as `status` */
	const struct json *sent[FIELDS];    /* NULL: absent, null or empty */
	struct slice text[FIELDS];          /* checked: of strings and identifiers */
	int64_t number[FIELDS];             /* checked: minor units, counts, microseconds */
	const struct currency *currency;    /* of the event */
	bool has_money;
	struct item *items;
	uint32_t nitems;
};

bool json_missing(const struct json *v);      /* absent, null or empty */
bool key_is_amount(struct slice key);         /* ends in _amount */
/* Reads schema_version and finds the named fields. f->topic and f->data are set before. */
bool fields_gather(struct arena *a, struct event_fields *f, const struct narrowings *schemas, struct rejection *rej);
bool fields_none_missing(const struct event_fields *f, struct rejection *rej);
/* Fills text, number, currency, items. */
bool fields_valid(struct arena *a, struct event_fields *f, struct pii *p, const char *reporting_currency,
		  struct rejection *rej);
/* A money value in minor units of *c. In v2 *c is set from it when it is NULL and must agree otherwise; in v1
 * it must be set. tail: what to append to the field's path when false. */
bool money_read(const struct json *v, bool v2, const struct currency **c, int64_t *minor, const char **tail,
		const char **why);

enum { PATH_BYTES = 128 };
void field_path(const struct event_fields *f, enum field id, const char *tail, char out[PATH_BYTES]);

#endif
