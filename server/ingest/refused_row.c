/* server/ingest/refused_row.c -- the dead letter of an event that passed every check of ours and was refused
 * by PostgreSQL, made from its anonymized row. */
#include "server/ingest/event_table.h"
#include "server/ingest/request.h"
#include "storage/base/clock.h"

enum { PAYLOAD_BYTES = 2 << 20 };

static void raw_member(struct buf *b, const char *name, struct slice json)
{
	if (!json.p)
		return;
	buf_puts(b, b->n > 1 ? ",\"" : "\"");
	buf_puts(b, name);
	buf_puts(b, "\":");
	buf_put(b, json.p, json.n);
}

static void member(struct buf *b, const char *name, struct slice text)
{
	if (!text.p)
		return;
	raw_member(b, name, SLICE(""));
	buf_json_string(b, text);
}

static void write_payload(struct buf *b, const struct event_row *r)
{
	buf_putc(b, '{');
	member(b, "schema_version", r->schema_version);
	member(b, "cart_id", r->cart_id);
	member(b, "session_id", r->session_id);
	member(b, "customer_id", r->customer_id);
	member(b, "order_id", r->order_id);
	member(b, "product_id", r->product_id);
	member(b, "currency", r->currency);
	member(b, "status", r->status);
	member(b, "ip_address", r->ip_address);
	member(b, "user_agent", r->user_agent);
	member(b, "email", r->email);
	raw_member(b, "items", r->items);
	raw_member(b, "properties", r->properties);
	buf_putc(b, '}');
}

bool refused_row_letter(struct arena *a, const struct event_batch *batch, const struct batch_entry *e,
			const struct rejection *rej, struct dead_letter *d)
{
	struct event_row r;
	struct slice topic;
	struct buf b;
	char *payload;

	event_batch_read(batch, e, &r);
	topic = event_topic_stored_as(r.event_type)->name;
	buf_init(&b, PAYLOAD_BYTES);
	write_payload(&b, &r);
	payload = b.failed ? NULL : arena_strndup(a, b.p, b.n);
	*d = (struct dead_letter){
		.key = e->key,
		.received_at_us = clock_wall_us(),
		.event_id = r.event_id,
		.event_type = topic,
		.topic = topic,
		.source = r.event_source,
		.trace_id = r.trace_id,
		.error_code = slice_of(reject_name(rej->code)),
		.error_field = slice_of(rej->field),
		.error_message = slice_of(rej->message),
		.payload = { payload, payload ? b.n : 0 },
	};
	buf_reset(&b);
	return payload != NULL;
}
