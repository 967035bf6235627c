#include "server/orders/order_client.h"

#include "api/orders/v1/order_count.pb-c.h"
#include "server/services.h"
#include "server/wire/cq.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define WHERE "orders"
#define METHOD "/api.orders.v1.OrderCountService/CountOrders"

enum { CALLS = 4, CALL_MS = 5000, FIRST_PAUSE_MS = 250, REQUEST_BYTES = 64 };

typedef Api__Orders__V1__CountOrdersRequest request;
typedef Api__Orders__V1__CountOrdersResponse response;

struct order_client {
	struct order_count count;
	const struct services *services;
	grpc_channel *channel;
	ev_timer pause;
	/* The question under way. */
	int64_t from_us, until_us;
	void (*done)(void *ctx, enum err_code c, int64_t orders, const struct err *e);
	void *ctx;
	unsigned calls;
	bool stopped;
	/* The call under way. */
	struct cq_tag tag;
	grpc_call *call;             /* NULL: none */
	grpc_byte_buffer *sent, *received;
	grpc_metadata_array initial, trailing;
	grpc_status_code status;
	grpc_slice details;
	/* The breaker: calls that failed in a row; no call before. */
	unsigned failures;
	uint64_t closed_until_us;
	bool orphan;                 /* destroyed: the call's end frees it */
};

static void answer(struct order_client *o, enum err_code c, int64_t orders, const struct err *e)
{
	void (*done)(void *, enum err_code, int64_t, const struct err *) = o->done;

	o->done = NULL;
	done(o->ctx, c, orders, e);
}

static void release(struct order_client *o)
{
	grpc_channel_destroy(o->channel);
	free(o);
}

/* --- a call's end --- */

/* Away, or too busy: worth another call, and told to the breaker. */
static bool is_transient(grpc_status_code s)
{
	return s == GRPC_STATUS_UNAVAILABLE || s == GRPC_STATUS_DEADLINE_EXCEEDED || s == GRPC_STATUS_RESOURCE_EXHAUSTED ||
	       s == GRPC_STATUS_ABORTED || s == GRPC_STATUS_INTERNAL || s == GRPC_STATUS_UNKNOWN;
}

/* False: no message, or not this one. */
static bool read_orders(const struct order_client *o, int64_t *orders)
{
	grpc_byte_buffer_reader reader;
	grpc_slice bytes;
	response *r;
	bool ok;

	if (!o->received || !grpc_byte_buffer_reader_init(&reader, o->received))
		return false;
	bytes = grpc_byte_buffer_reader_readall(&reader);
	r = api__orders__v1__count_orders_response__unpack(NULL, GRPC_SLICE_LENGTH(bytes), GRPC_SLICE_START_PTR(bytes));
	ok = r && r->has_orders && r->orders >= 0;
	if (ok)
		*orders = r->orders;
	if (r)
		api__orders__v1__count_orders_response__free_unpacked(r, NULL);
	grpc_slice_unref(bytes);
	grpc_byte_buffer_reader_destroy(&reader);
	return ok;
}

static void clear_call(struct order_client *o)
{
	grpc_byte_buffer_destroy(o->sent);
	grpc_byte_buffer_destroy(o->received);
	grpc_metadata_array_destroy(&o->initial);
	grpc_metadata_array_destroy(&o->trailing);
	grpc_slice_unref(o->details);
	grpc_call_unref(o->call);
	o->call = NULL;
	o->sent = o->received = NULL;
}

static void note_failure(struct order_client *o)
{
	const struct conf *c = o->services->conf;

	if (++o->failures < c->breaker_failures)
		return;
	o->closed_until_us = clock_mono_us() + c->breaker_open_ms * UINT64_C(1000);
	log_warn(WHERE, "the order service failed %u times in a row; it is left alone for %u ms", o->failures,
		 c->breaker_open_ms);
}

static void judge(struct order_client *o, grpc_status_code status, bool read, int64_t orders)
{
	bool failed = is_transient(status);
	struct err e;

	if (failed)
		note_failure(o);
	else
		o->failures = 0;
	if (o->stopped)
		answer(o, err_set(&e, ERR_CANCELLED, "not waited for"), 0, &e);
	else if (failed && o->calls < CALLS && clock_mono_us() >= o->closed_until_us)
		loop_timer(o->services->loop, &o->pause, (FIRST_PAUSE_MS << (o->calls - 1)) / 1000.0, 0);
	else if (status != GRPC_STATUS_OK)
		answer(o, err_set(&e, failed ? ERR_STORE : ERR_PRECONDITION,
				  "the order service answers with gRPC status %d, after %u calls", status, o->calls), 0, &e);
	else if (!read)
		answer(o, err_set(&e, ERR_PRECONDITION, "the order service answers without a count"), 0, &e);
	else
		answer(o, ERR_OK, orders, NULL);
}

static void on_called(struct cq_tag *t, bool ok)
{
	struct order_client *o = (struct order_client *)((char *)t - offsetof(struct order_client, tag));
	grpc_status_code status = ok ? o->status : GRPC_STATUS_UNAVAILABLE;
	int64_t orders = 0;
	bool read = read_orders(o, &orders);

	clear_call(o);
	if (o->orphan)
		release(o);
	else
		judge(o, status, read, orders);
}

/* --- a call --- */

static grpc_byte_buffer *pack(const struct order_client *o)
{
	Google__Protobuf__Timestamp from = GOOGLE__PROTOBUF__TIMESTAMP__INIT, until = from;
	request r = API__ORDERS__V1__COUNT_ORDERS_REQUEST__INIT;
	uint8_t bytes[REQUEST_BYTES];
	grpc_byte_buffer *b;
	grpc_slice s;

	from.seconds = o->from_us / 1000000;
	from.nanos = (int32_t)(o->from_us % 1000000 * 1000);
	until.seconds = o->until_us / 1000000;
	until.nanos = (int32_t)(o->until_us % 1000000 * 1000);
	r.start_time = &from;
	r.end_time = &until;
	s = grpc_slice_from_copied_buffer((const char *)bytes, api__orders__v1__count_orders_request__pack(&r, bytes));
	b = grpc_raw_byte_buffer_create(&s, 1);
	grpc_slice_unref(s);
	return b;
}

static void call(struct order_client *o)
{
	gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(CALL_MS, GPR_TIMESPAN));
	grpc_op ops[6] = { 0 };

	o->calls++;
	o->sent = pack(o);
	grpc_metadata_array_init(&o->initial);
	grpc_metadata_array_init(&o->trailing);
	o->details = grpc_empty_slice();
	o->tag.fire = on_called;
	o->call = grpc_channel_create_call(o->channel, NULL, GRPC_PROPAGATE_DEFAULTS, cq_queue(o->services->cq),
					   grpc_slice_from_static_string(METHOD), NULL, deadline, NULL);
	ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
	ops[1].op = GRPC_OP_SEND_MESSAGE;
	ops[1].data.send_message.send_message = o->sent;
	ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
	ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &o->initial;
	ops[4].op = GRPC_OP_RECV_MESSAGE;
	ops[4].data.recv_message.recv_message = &o->received;
	ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
	ops[5].data.recv_status_on_client.trailing_metadata = &o->trailing;
	ops[5].data.recv_status_on_client.status = &o->status;
	ops[5].data.recv_status_on_client.status_details = &o->details;
	if (grpc_call_start_batch(o->call, ops, sizeof(ops) / sizeof(*ops), &o->tag, NULL) == GRPC_CALL_OK)
		return;
	clear_call(o);
	judge(o, GRPC_STATUS_INTERNAL, false, 0);
}

/* The first call as well: an answer never comes from inside ask. */
static void on_pause_over(struct ev_loop *ev, ev_timer *t, int revents)
{
	struct order_client *o = t->data;
	struct err e;

	(void)ev, (void)revents;
	if (o->stopped)
		answer(o, err_set(&e, ERR_CANCELLED, "not waited for"), 0, &e);
	else if (clock_mono_us() < o->closed_until_us)
		answer(o, err_set(&e, ERR_STORE, "the order service failed too often; it is left alone for a while"), 0, &e);
	else
		call(o);
}

static void ask(struct order_count *count, int64_t from_us, int64_t until_us,
		void (*done)(void *ctx, enum err_code c, int64_t orders, const struct err *e), void *ctx)
{
	struct order_client *o = (struct order_client *)count; /* its first member */

	o->from_us = from_us;
	o->until_us = until_us;
	o->done = done;
	o->ctx = ctx;
	o->calls = 0;
	o->stopped = false;
	loop_timer(o->services->loop, &o->pause, 0, 0);
}

static void stop(struct order_count *count)
{
	struct order_client *o = (struct order_client *)count;

	o->stopped = true;
	if (o->call)
		grpc_call_cancel(o->call, NULL);
	else if (o->done)
		loop_timer(o->services->loop, &o->pause, 0, 0);
}

enum err_code order_client_create(struct order_count **out, const struct services *s, struct err *e)
{
	grpc_channel_credentials *plain;
	struct order_client *o;

	*out = NULL;
	if (!*s->conf->order_service_addr)
		return ERR_OK;
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_set(e, ERR_QUOTA, "no memory for calls to the order service");
	o->count = (struct order_count){ ask, stop };
	o->services = s;
	ev_init(&o->pause, on_pause_over);
	o->pause.data = o;
	plain = grpc_insecure_credentials_create();
	o->channel = grpc_channel_create(s->conf->order_service_addr, plain, NULL);
	grpc_channel_credentials_release(plain);
	*out = &o->count;
	return ERR_OK;
}

struct order_count *order_client_destroy(struct order_count *count)
{
	struct order_client *o = (struct order_client *)count;

	if (!o)
		return NULL;
	loop_timer_stop(o->services->loop, &o->pause);
	o->orphan = true;
	if (o->call)
		grpc_call_cancel(o->call, NULL);
	else
		release(o);
	return NULL;
}
