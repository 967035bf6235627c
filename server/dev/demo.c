#include "server/dev/demo.h"

#include "server/dev/client.h"
#include "storage/base/buf.h"
#include "storage/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAYS = 30, BATCH_EVENTS = 200, BATCH_BYTES = 1 << 20, ANSWER_BYTES = 1 << 16, TRIES = 60 };
enum { NEW_CUSTOMERS = 6 /* a day */, SECOND = 1000 /* ms */, HOUR = 3600 * SECOND };
#define DAY_MS (INT64_C(86400) * SECOND)

struct product {
	const char *name, *category, *brand;
	unsigned price, cost; /* cents */
};
static const struct product products[] = {
	{ "Trail Runner", "Shoes", "Norrow", 11900, 5400 },    { "City Sneaker", "Shoes", "Norrow", 8900, 3900 },
	{ "Leather Boot", "Shoes", "Halden", 18900, 9100 },    { "Beach Sandal", "Shoes", "Halden", 3400, 1100 },
	{ "Rain Jacket", "Outdoor", "Fjellby", 15900, 7300 },  { "Day Pack 22 l", "Outdoor", "Fjellby", 7900, 3100 },
	{ "Trekking Poles", "Outdoor", "Fjellby", 6400, 2600 },{ "Camp Stove", "Outdoor", "Brenna", 5200, 2300 },
	{ "French Press", "Kitchen", "Brenna", 3900, 1500 },   { "Chef's Knife", "Kitchen", "Sabel", 8400, 3600 },
	{ "Cast Iron Pan", "Kitchen", "Sabel", 5900, 2700 },   { "Tea Kettle", "Kitchen", "Brenna", 4600, 1900 },
	{ "Desk Lamp", "Home", "Lumo", 4900, 1800 },           { "Wool Blanket", "Home", "Halden", 7200, 3300 },
	{ "Wall Clock", "Home", "Lumo", 3600, 1300 },          { "Plant Pot", "Home", "Lumo", 1900, 600 },
	{ "Headphones", "Electronics", "Tonika", 14900, 8200 },{ "Power Bank", "Electronics", "Tonika", 3900, 1900 },
	{ "Smart Bulb", "Electronics", "Lumo", 1700, 700 },    { "Action Camera", "Electronics", "Tonika", 22900, 14100 },
	{ "Notebook A5", "Stationery", "Papyr", 1200, 300 },   { "Fountain Pen", "Stationery", "Papyr", 4200, 1600 },
	{ "Sketch Set", "Stationery", "Papyr", 2800, 1000 },   { "Desk Planner", "Stationery", "Papyr", 1600, 500 },
};
enum { PRODUCTS = sizeof(products) / sizeof(*products) };
static const char *const devices[] = { "desktop", "mobile", "mobile", "tablet" };
static const char *const traffic[] = { "google", "newsletter", "direct", "instagram" };
static const char *const carriers[] = { "DHL", "UPS", "FEDEX" };
static const char *const pages[] = { "/", "/sale", "/new", "/search?q=gift", "/journal" };

#define PICK(d, list) ((list)[below(d, sizeof(list) / sizeof(*(list)))])

struct demo {
	const struct conf *conf;
	struct buf batch;
	unsigned batched;
	uint64_t random;         /* state; restarted every day */
	int64_t now_ms, day_ms;  /* day_ms: its midnight, UTC */
	unsigned event_no;       /* of the day; counts also what is still in the future */
	char date[16];           /* 20240131 */
	unsigned long stored, duplicate, rejected;
	bool failed;
};

/* splitmix64: small, and the same everywhere */
static uint64_t next_random(struct demo *d)
{
	uint64_t z = d->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(struct demo *d, unsigned n)
{
	return (unsigned)(next_random(d) % n);
}

static bool chance(struct demo *d, unsigned percent)
{
	return below(d, 100) < percent;
}

static unsigned long count_in(const char *answer, const char *name)
{
	const char *at = strstr(answer, name);

	if (!at)
		return 0;
	at += strlen(name);
	return strtoul(at + strspn(at, "\": "), NULL, 10);
}

/* Sends what is batched; waits and tries again while the service is not ready to take it. */
static void flush_batch(struct demo *d)
{
	static char answer[ANSWER_BYTES];
	unsigned status = 0;

	if (!d->batched || d->failed)
		return;
	buf_putc(&d->batch, ']');
	for (int i = 0; i < TRIES && status != 200; i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
		status = client_call(d->conf, "/events", "application/cloudevents-batch+json",
				     (struct slice){ d->batch.p, d->batch.n }, answer, sizeof(answer));
		if (status && status != 200 && status != 429 && status != 503)
			break;
	}
	if (status != 200 || d->batch.failed) {
		printf("demo: the service answered %u to a batch of events; the demo ends here\n", status);
		d->failed = true;
	}
	d->stored += count_in(answer, "\"accepted\"");
	d->duplicate += count_in(answer, "\"duplicates\"");
	d->rejected += count_in(answer, "\"rejected\"");
	d->batched = 0;
	buf_clear(&d->batch);
}

/* Starts an event at ms of the day; false when that is still to come (the next start will play it). The
 * caller adds members of data, each with a comma before it, and ends with end_event. */
static bool begin_event(struct demo *d, int64_t ms, const char *type, const char *source)
{
	int64_t at = d->day_ms + ms;
	time_t s = (time_t)(at / SECOND);
	char time_text[32];
	struct tm tm;

	d->event_no++;
	if (at > d->now_ms)
		return false;
	gmtime_r(&s, &tm);
	strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_putc(&d->batch, d->batched++ ? ',' : '[');
	buf_printf(&d->batch,
		   "{\"specversion\":\"1.0\",\"id\":\"demo-%s-%u\",\"source\":\"%s\",\"type\":\"%s\",\"time\":\"%s.%03dZ\","
		   "\"datacontenttype\":\"application/json\",\"data\":{\"schema_version\":\"v1\"",
		   d->date, d->event_no, source, type, time_text, (int)(at % SECOND));
	return true;
}

static void end_event(struct demo *d)
{
	buf_puts(&d->batch, "}}");
	if (d->batched == BATCH_EVENTS)
		flush_batch(d);
}

struct visit {
	char session[40], customer[40], cart[40];
	const char *device, *source;
	unsigned host;           /* last part of the visitor's address */
	int64_t ms;              /* where the visit is in the day */
	unsigned in_cart[3], quantity[3], lines;
};

static void put_visitor(struct demo *d, const struct visit *v)
{
	buf_printf(&d->batch, ",\"session_id\":\"%s\",\"device_type\":\"%s\",\"traffic_source\":\"%s\"", v->session,
		   v->device, v->source);
	if (*v->customer)
		buf_printf(&d->batch, ",\"customer_id\":\"%s\"", v->customer);
}

static void step(struct demo *d, struct visit *v)
{
	v->ms += (int64_t)(5 + below(d, 90)) * SECOND;
}

static void page_view(struct demo *d, struct visit *v, const char *url)
{
	if (begin_event(d, v->ms, "analytics.page_view", "storefront")) {
		put_visitor(d, v);
		buf_printf(&d->batch, ",\"page_url\":\"https://shop.example%s\",\"ip_address\":\"203.0.113.%u\","
				      "\"user_agent\":\"Mozilla/5.0 (%s)\"", url, v->host, v->device);
		end_event(d);
	}
	step(d, v);
}

static void put_product(struct demo *d, unsigned p)
{
	buf_printf(&d->batch, ",\"product_id\":\"demo-p-%u\",\"category\":\"%s\",\"brand\":\"%s\"", p,
		   products[p].category, products[p].brand);
}

static void product_view(struct demo *d, struct visit *v, unsigned p)
{
	if (begin_event(d, v->ms, "product.viewed", "storefront")) {
		put_visitor(d, v);
		put_product(d, p);
		end_event(d);
	}
	step(d, v);
}

static void add_to_cart(struct demo *d, struct visit *v, unsigned p)
{
	unsigned quantity = 1 + (below(d, 5) == 0);

	v->in_cart[v->lines] = p;
	v->quantity[v->lines++] = quantity;
	if (begin_event(d, v->ms, "cart.item_added", "cart-service")) {
		put_visitor(d, v);
		put_product(d, p);
		buf_printf(&d->batch, ",\"cart_id\":\"%s\",\"quantity\":%u,\"price_amount\":%u.%02u", v->cart, quantity,
			   products[p].price / 100, products[p].price % 100);
		end_event(d);
	}
	step(d, v);
}

struct order {
	char id[40];
	unsigned cents, shipping;
	const char *currency;
};

static void put_order(struct demo *d, const struct visit *v, const struct order *o, const char *status)
{
	unsigned tax = o->cents * 8 / 108;

	put_visitor(d, v);
	buf_printf(&d->batch, ",\"order_id\":\"%s\",\"cart_id\":\"%s\",\"new_status\":\"%s\",\"currency\":\"%s\","
			      "\"total_amount\":%u.%02u,\"tax_amount\":%u.%02u,\"shipping_amount\":%u.%02u,\"items\":[",
		   o->id, v->cart, status, o->currency, o->cents / 100, o->cents % 100, tax / 100, tax % 100,
		   o->shipping / 100, o->shipping % 100);
	for (unsigned i = 0; i < v->lines; i++) {
		const struct product *p = &products[v->in_cart[i]];

		buf_printf(&d->batch,
			   "%s{\"product_id\":\"demo-p-%u\",\"sku\":\"DEMO-%03u\",\"name\":\"%s\",\"category\":\"%s\","
			   "\"brand\":\"%s\",\"quantity\":%u,\"price\":%u.%02u,\"cost\":%u.%02u}",
			   i ? "," : "", v->in_cart[i], v->in_cart[i], p->name, p->category, p->brand, v->quantity[i],
			   p->price / 100, p->price % 100, p->cost / 100, p->cost % 100);
	}
	buf_putc(&d->batch, ']');
}

static void order_event(struct demo *d, const struct visit *v, const struct order *o, int64_t ms, const char *status)
{
	if (begin_event(d, ms, "orders.order.status_changed", "order-service")) {
		put_order(d, v, o, status);
		end_event(d);
	}
}

/* Payment and parcel of an order: {type, what goes into data}. */
static void payment(struct demo *d, const struct order *o, int64_t ms, const char *kind)
{
	char type[48];

	snprintf(type, sizeof(type), "payment.payment.%s", kind);
	if (!begin_event(d, ms, type, "payment-service"))
		return;
	buf_printf(&d->batch,
		   ",\"payment_id\":\"pay-%s-%s\",\"order_id\":\"%s\",\"amount\":%u.%02u,\"currency\":\"%s\","
		   "\"payment_method\":\"CREDIT_CARD\"",
		   kind, o->id, o->id, o->cents / 100, o->cents % 100, o->currency);
	end_event(d);
}

static void parcel(struct demo *d, const struct order *o, int64_t ms, const char *carrier, const char *status)
{
	if (!begin_event(d, ms, "shipping.shipment.status_changed", "shipping-service"))
		return;
	buf_printf(&d->batch,
		   ",\"shipment_id\":\"ship-%s\",\"order_id\":\"%s\",\"new_status\":\"%s\",\"carrier_name\":\"%s\"",
		   o->id, o->id, status, carrier);
	end_event(d);
}

static void buy(struct demo *d, struct visit *v, unsigned n)
{
	struct order o = { .shipping = chance(d, 40) ? 0 : 499 };
	const char *carrier = PICK(d, carriers);
	bool cancelled = chance(d, 4), refunded = chance(d, 5);
	int64_t hours = 6 + (int64_t)below(d, 30);

	o.currency = d->conf->reporting_currency;
	if (chance(d, 3))
		o.currency = strcmp(o.currency, "EUR") ? "EUR" : "USD";
	snprintf(o.id, sizeof(o.id), "demo-o-%s-%u", d->date, n);
	for (unsigned i = 0; i < v->lines; i++)
		o.cents += products[v->in_cart[i]].price * v->quantity[i];
	o.cents += o.cents * 8 / 100 + o.shipping;
	order_event(d, v, &o, v->ms, "PENDING");
	payment(d, &o, v->ms + 8 * SECOND, "processed");
	v->ms += 15 * SECOND;
	order_event(d, v, &o, v->ms, "CONFIRMED");
	if (cancelled) {
		order_event(d, v, &o, v->ms + HOUR, "CANCELLED");
	} else {
		parcel(d, &o, v->ms + hours * HOUR, carrier, "IN_TRANSIT");
		parcel(d, &o, v->ms + (hours * 2 + 20) * HOUR, carrier, "DELIVERED");
		order_event(d, v, &o, v->ms + (hours * 2 + 20) * HOUR, "DELIVERED");
	}
	if (cancelled || refunded)
		payment(d, &o, v->ms + (cancelled ? 2 : 80) * (int64_t)HOUR, "refunded");
}

/* A customer of today or of one of the last 60 days. */
static void pick_customer(struct demo *d, struct visit *v)
{
	time_t s = (time_t)((d->day_ms - (int64_t)below(d, 60) * DAY_MS) / SECOND);
	struct tm tm;
	char date[16];

	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y%m%d", &tm);
	snprintf(v->customer, sizeof(v->customer), "demo-c-%s-%u", date, below(d, NEW_CUSTOMERS));
}

/* Half of the day's visits come in the evening. */
static int64_t visit_start(struct demo *d)
{
	int64_t second = chance(d, 50) ? 61200 + (int64_t)below(d, 18000) : (int64_t)below(d, 79200);

	return second * SECOND + (int64_t)below(d, SECOND);
}

static void visit(struct demo *d, unsigned n)
{
	struct visit v = { .device = PICK(d, devices), .source = PICK(d, traffic), .host = 1 + below(d, 250) };
	unsigned views = 1 + below(d, 3), wanted = 1 + below(d, 3);

	v.ms = visit_start(d);
	snprintf(v.session, sizeof(v.session), "demo-s-%s-%u", d->date, n);
	snprintf(v.cart, sizeof(v.cart), "demo-cart-%s-%u", d->date, n);
	if (chance(d, 65))
		pick_customer(d, &v);
	for (unsigned i = 0; i < views; i++)
		page_view(d, &v, i ? PICK(d, pages) : "/");
	if (!chance(d, 82))
		return;
	for (unsigned i = 0; i < wanted; i++) {
		unsigned p = below(d, PRODUCTS);

		product_view(d, &v, p);
		if (chance(d, 45))
			add_to_cart(d, &v, p);
	}
	if (!v.lines || !chance(d, 65))
		return;
	if (!*v.customer)
		pick_customer(d, &v);
	if (begin_event(d, v.ms, "checkout.started", "checkout-service")) {
		put_visitor(d, &v);
		buf_printf(&d->batch, ",\"cart_id\":\"%s\"", v.cart);
		end_event(d);
	}
	step(d, &v);
	if (chance(d, 72))
		buy(d, &v, n);
}

static void registrations(struct demo *d)
{
	for (unsigned i = 0; i < NEW_CUSTOMERS; i++) {
		if (!begin_event(d, (int64_t)i * 4 * HOUR + 600 * SECOND, "customer.registered", "customer-service"))
			continue;
		buf_printf(&d->batch, ",\"customer_id\":\"demo-c-%s-%u\",\"email\":\"customer%s%u@example.org\","
				      "\"name\":\"Jo Doe\",\"registration_source\":\"web\"", d->date, i, d->date, i);
		end_event(d);
	}
}

/* Once a day: the stock of a few products, and what advertising cost. */
static void back_office(struct demo *d)
{
	for (unsigned i = 0; i < 6; i++) {
		unsigned p = (unsigned)(d->day_ms / DAY_MS * 6 + i) % PRODUCTS;
		unsigned quantity = below(d, 90);

		if (!begin_event(d, 5 * HOUR + (int64_t)i * SECOND, "warehouse.inventory.stock_changed",
				 "warehouse-service"))
			continue;
		buf_printf(&d->batch,
			   ",\"product_id\":\"demo-p-%u\",\"sku\":\"DEMO-%03u\",\"warehouse_id\":\"demo-w-1\","
			   "\"quantity\":%u,\"minimum_stock\":10,\"unit_cost\":%u.%02u,\"category\":\"%s\"",
			   p, p, quantity, products[p].cost / 100, products[p].cost % 100, products[p].category);
		end_event(d);
	}
	if (begin_event(d, 6 * HOUR, "marketing.spend.recorded", "marketing-service")) {
		buf_printf(&d->batch, ",\"campaign\":\"always-on\",\"traffic_source\":\"google\",\"amount\":%u.00",
			   40 + below(d, 60));
		end_event(d);
	}
}

static void play_day(struct demo *d)
{
	time_t s = (time_t)(d->day_ms / SECOND);
	unsigned visits;
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(d->date, sizeof(d->date), "%Y%m%d", &tm);
	d->random = (uint64_t)(d->day_ms / DAY_MS) * 1000003;
	d->event_no = 0;
	visits = 36 + below(d, 14) + (tm.tm_wday == 0 || tm.tm_wday == 6 ? 10 : 0);
	registrations(d);
	back_office(d);
	for (unsigned n = 0; n < visits && !d->failed; n++)
		visit(d, n);
}

int demo_run(const struct conf *c)
{
	struct demo d = { .conf = c, .now_ms = clock_wall_us() / 1000 };
	int64_t today = d.now_ms / DAY_MS * DAY_MS;
	int days = c->retention_days > DAYS ? DAYS : (int)c->retention_days;

	buf_init(&d.batch, BATCH_BYTES);
	for (int i = days - 1; i >= 0 && !d.failed; i--) {
		d.day_ms = today - i * DAY_MS;
		play_day(&d);
	}
	flush_batch(&d);
	buf_reset(&d.batch);
	printf("demo: %lu events stored, %lu there already, %lu rejected\n", d.stored, d.duplicate, d.rejected);
	return d.failed || d.rejected;
}
