/* server/ingest/event_table.h -- what the service knows: a row a topic, a row a named field.
 * A new event type is a row here; everything below reads the rows.
 * Memory: static. Threads: any. Blocking: never. */
#ifndef SERVER_INGEST_EVENT_TABLE_H
#define SERVER_INGEST_EVENT_TABLE_H

#include "storage/base/slice.h"

#include <stdint.h>

enum field_kind {
	KIND_ID,       /* string, or an integer taken as its text; at most ID_BYTES */
	KIND_LABEL,    /* string that figures are grouped by; at most LABEL_BYTES */
	KIND_TEXT,     /* string; only the ceiling of all properties holds */
	KIND_MONEY,
	KIND_COST,     /* major units: a number as it is; in v2 also a money object */
	KIND_CURRENCY,
	KIND_ITEMS,
	KIND_QUANTITY, /* integer from 1, from 0 where the topic counts stock */
	KIND_COUNT,    /* integer from 0 */
	KIND_TIME,
	KIND_PHONE     /* string or number; never kept */
};

enum { ID_BYTES = 200, LABEL_BYTES = 1000, SOURCE_BYTES = 1000, ITEMS_MAX = 1000, QUANTITY_MAX = 1000000000 };

/* Where a field belongs: looked for on every topic, only where a topic requires it; in v2 first in context. */
enum { SCOPE_ALL = 1, SCOPE_CONTEXT = 2 };

/* Its column in analytics_events; such fields are no properties (but see topic.amount). */
#define FIELD_TABLE(X)                                                   \
	X(ORDER_ID,            "order_id",            ID,       SCOPE_ALL, true)  \
	X(PAYMENT_ID,          "payment_id",          ID,       0,         false) \
	X(SHIPMENT_ID,         "shipment_id",         ID,       0,         false) \
	X(RETURN_ID,           "return_id",           ID,       0,         false) \
	X(FULFILLMENT_ID,      "fulfillment_id",      ID,       0,         false) \
	X(NEW_STATUS,          "new_status",          LABEL,    0,         true)  \
	X(PAGE_URL,            "page_url",            TEXT,     0,         false) \
	X(PRODUCT_ID,          "product_id",          ID,       SCOPE_ALL, true)  \
	X(SKU,                 "sku",                 ID,       0,         false) \
	X(QUANTITY,            "quantity",            QUANTITY, 0,         false) \
	X(PROMOTION_CODE,      "promotion_code",      ID,       0,         false) \
	X(AMOUNT,              "amount",              MONEY,    SCOPE_ALL, false) \
	X(TOTAL_AMOUNT,        "total_amount",        MONEY,    SCOPE_ALL, false) \
	X(PRICE_AMOUNT,        "price_amount",        MONEY,    SCOPE_ALL, false) \
	X(DISCOUNT_AMOUNT,     "discount_amount",     MONEY,    SCOPE_ALL, false) \
	X(TAX_AMOUNT,          "tax_amount",          MONEY,    SCOPE_ALL, false) \
	X(SHIPPING_AMOUNT,     "shipping_amount",     MONEY,    SCOPE_ALL, false) \
	X(REFUND_AMOUNT,       "refund_amount",       MONEY,    SCOPE_ALL, false) \
	X(CURRENCY,            "currency",            CURRENCY, SCOPE_ALL, true)  \
	X(ITEMS,               "items",               ITEMS,    SCOPE_ALL, true)  \
	X(CART_ID,             "cart_id",             ID,       SCOPE_ALL, true)  \
	X(SESSION_ID,          "session_id",          ID,    SCOPE_ALL | SCOPE_CONTEXT, true)  \
	X(CUSTOMER_ID,         "customer_id",         ID,    SCOPE_ALL | SCOPE_CONTEXT, true)  \
	X(IP_ADDRESS,          "ip_address",          TEXT,  SCOPE_ALL | SCOPE_CONTEXT, true)  \
	X(USER_AGENT,          "user_agent",          TEXT,  SCOPE_ALL | SCOPE_CONTEXT, true)  \
	X(EMAIL,               "email",               TEXT,     SCOPE_ALL, true)  \
	X(NAME,                "name",                TEXT,     SCOPE_ALL, false) \
	X(CUSTOMER_NAME,       "customer_name",       TEXT,     SCOPE_ALL, false) \
	X(PHONE,               "phone",               PHONE,    SCOPE_ALL, false) \
	X(DEVICE_TYPE,         "device_type",         LABEL, SCOPE_ALL | SCOPE_CONTEXT, false) \
	X(TRAFFIC_SOURCE,      "traffic_source",      LABEL, SCOPE_ALL | SCOPE_CONTEXT, false) \
	X(CAMPAIGN,            "campaign",            LABEL, SCOPE_ALL | SCOPE_CONTEXT, false) \
	X(COUNTRY,             "country",             LABEL, SCOPE_ALL | SCOPE_CONTEXT, false) \
	X(REFERRER,            "referrer",            TEXT,  SCOPE_ALL | SCOPE_CONTEXT, false) \
	X(PAYMENT_METHOD,      "payment_method",      LABEL,    SCOPE_ALL, false) \
	X(FAILURE_REASON,      "failure_reason",      LABEL,    SCOPE_ALL, false) \
	X(CARRIER_NAME,        "carrier_name",        LABEL,    SCOPE_ALL, false) \
	X(PROMISED_AT,         "promised_at",         TIME,     SCOPE_ALL, false) \
	X(WAREHOUSE_ID,        "warehouse_id",        ID,       SCOPE_ALL, false) \
	X(MINIMUM_STOCK,       "minimum_stock",       COUNT,    SCOPE_ALL, false) \
	X(UNIT_COST,           "unit_cost",           COST,     SCOPE_ALL, false) \
	X(CATEGORY,            "category",            LABEL,    SCOPE_ALL, false) \
	X(BRAND,               "brand",               LABEL,    SCOPE_ALL, false) \
	X(REASON_CODE,         "code",                LABEL,    0,         true)  \
	X(PREVIOUS_STATUS,     "previous_status",     LABEL,    SCOPE_ALL, false) \
	X(REGISTRATION_SOURCE, "registration_source", LABEL,    SCOPE_ALL, false)

enum field {
	F_NONE, /* so that an unfinished list of fields ends by itself */
#define X(id, ...) F_##id,
	FIELD_TABLE(X)
#undef X
	FIELDS
};

struct field_row {
	struct slice name;
	enum field_kind kind;
	uint8_t scope;
	bool column;
};
extern const struct field_row field_rows[FIELDS];

enum { REQUIRED_MAX = 3 };

struct topic {
	struct slice name;
	const char *route;                     /* the bus delivers it to /events/<route> */
	struct slice event_type;               /* as stored; absent: by new_status, see event_type_of */
	enum field required[REQUIRED_MAX + 1]; /* in the order in which they are looked for */
	enum field amount;                     /* the money that goes to the column `amount` */
	bool stock;                            /* quantity counts what is there: 0 is one */
	bool customer;                         /* its `name` is a person's */
};

const struct topic *event_topics(size_t *n);           /* all of them */
const struct topic *event_topic_find(struct slice name); /* NULL: unknown */
/* The topic whose events are stored as event_type. */
const struct topic *event_topic_stored_as(struct slice event_type);
/* F_NONE: not one of ours on this topic. */
enum field event_field_find(const struct topic *t, struct slice key);
bool event_topic_requires(const struct topic *t, enum field f);
/* A field whose content is a person's; it never counts as content of the event. */
bool event_field_personal(const struct topic *t, enum field f);
/* The stored event_type; status matters for orders only. */
struct slice event_type_of(const struct topic *t, struct slice status);
bool event_is_purchase(const struct topic *t, struct slice status);

#endif
