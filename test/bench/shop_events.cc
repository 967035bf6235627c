#include "test/bench/shop_events.h"
#include "api/analytics/v1/ingest.pb.h"
#include "test/bench/measure.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>

using io::cloudevents::v1::CloudEvent;

namespace
{
enum { RUN_DIGITS = 11, ID_DIGITS = 20, EVENTS_A_SESSION = 8 };
const std::string event_mark(ID_DIGITS, '#');
const std::string session_mark(ID_DIGITS, '~');

/* Hex of the start time in us, then a counter; or 20 digits that no other n has, in no order. */
std::atomic<uint64_t> counter{0};
std::atomic<bool> scattered{false};

/* A permutation of 64 bits (the finalizer of splitmix64). */
uint64_t scatter(uint64_t n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

void write_id(char *to, uint64_t n)
{
	static const uint64_t run_us = [] {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	}();
	static const char digits[] = "0123456789abcdef";
	uint64_t counted = n, mixed = scatter(run_us + n);

	if (scattered) {
		for (int i = 0; i < ID_DIGITS; i++)
			to[i] = digits[i < 16 ? mixed >> 4 * i & 15 : n >> 4 * (i - 16) & 15];
		return;
	}
	for (int i = ID_DIGITS; i-- > RUN_DIGITS; counted >>= 4)
		to[i] = digits[counted & 15];
	for (int i = RUN_DIGITS; i-- > 0;)
		to[i] = digits[run_us >> 4 * (RUN_DIGITS - 1 - i) & 15];
}

struct Kind {
	const char *type, *source, *data;
};

#define CONTEXT                                                                                               \
	"\"session_id\":\"s-~\",\"customer_id\":\"c-~\",\"device_type\":\"mobile\",\"traffic_source\":\"newsletter\"," \
	"\"campaign\":\"spring-sale\",\"country\":\"DE\",\"ip_address\":\"203.0.113.77\","                         \
	"\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36\""

/* In data, # and ~ stand for the marks. */
const Kind page_view = {"analytics.page_view", "storefront",
			"{\"event_id\":\"e-#\",\"page_url\":\"/c/outdoor/tents?page=2&sort=price\","
			"\"referrer\":\"https://search.example.org/\",\"page_title\":\"Tents and shelters\","
			"\"viewport\":\"390x844\"," CONTEXT "}"};
const Kind product_view = {"product.viewed", "storefront",
			   "{\"event_id\":\"e-#\",\"product_id\":\"p-104729\",\"sku\":\"TENT-2P-GRN\","
			   "\"category\":\"Outdoor\",\"brand\":\"Northwind\",\"price\":129.95,\"position\":3," CONTEXT "}"};
const Kind cart_item = {"cart.item_added", "cart-service",
			"{\"event_id\":\"e-#\",\"cart_id\":\"cart-~\",\"product_id\":\"p-104729\","
			"\"sku\":\"TENT-2P-GRN\",\"category\":\"Outdoor\",\"quantity\":1,\"price_amount\":129.95,"
			"\"currency\":\"USD\"," CONTEXT "}"};
const Kind order = {"orders.order.status_changed", "order-service",
		    "{\"event_id\":\"e-#\",\"order_id\":\"o-#\",\"customer_id\":\"c-~\",\"session_id\":\"s-~\","
		    "\"previous_status\":\"PENDING\",\"new_status\":\"CONFIRMED\",\"currency\":\"USD\","
		    "\"total_amount\":285.29,\"tax_amount\":20.39,\"shipping_amount\":4.99,\"discount_amount\":0,"
		    "\"email\":\"jane.roe@example.com\",\"customer_name\":\"Jane Roe\",\"metadata\":{\"cart_id\":\"cart-~\"},"
		    "\"items\":[{\"product_id\":\"p-104729\",\"sku\":\"TENT-2P-GRN\",\"quantity\":2,\"price\":129.95,"
		    "\"category\":\"Outdoor\",\"brand\":\"Northwind\"},{\"product_id\":\"p-15485\",\"sku\":\"PEG-10\","
		    "\"quantity\":1,\"price\":0.01,\"category\":\"Outdoor\",\"brand\":\"Northwind\"}]}"};

const Kind *const mix[] = {&page_view, &product_view, &page_view, &page_view,	 &product_view,
			   &cart_item, &page_view,    &order,	  &product_view, &page_view};

std::string expand(const char *data)
{
	std::string text;

	for (; *data; data++) {
		if (*data == '#')
			text += event_mark;
		else if (*data == '~')
			text += session_mark;
		else
			text += *data;
	}
	return text;
}

void fill(CloudEvent *e, const Kind &k, int64_t seconds)
{
	e->set_id("ce-" + event_mark);
	e->set_source(k.source);
	e->set_spec_version("1.0");
	e->set_type(k.type);
	(*e->mutable_attributes())["time"].mutable_ce_timestamp()->set_seconds(seconds);
	(*e->mutable_attributes())["traceparent"].set_ce_string(
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	e->set_text_data(expand(k.data));
}

/* The event as a sidecar delivers it. */
std::string structured(const Kind &k, int64_t seconds)
{
	char when[32];
	struct tm utc;
	time_t t = seconds;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
	return "{\"data\":" + expand(k.data) +
	       ",\"datacontenttype\":\"application/json\",\"id\":\"ce-" + event_mark +
	       "\",\"pubsubname\":\"pubsub-redis\",\"source\":\"" + k.source +
	       "\",\"specversion\":\"1.0\",\"time\":\"" + when + "\",\"topic\":\"" + k.type +
	       "\",\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\"type\":\"" + k.type +
	       "\"}";
}

std::string in_form(Form form, const Kind &k, int64_t seconds, uint32_t event)
{
	api::analytics::v1::PublishEventsRequest alone;

	if (form == Form::single)
		return structured(k, seconds);
	if (form == Form::bulk)
		return (event ? ",{\"entryId\":\"" : "{\"entryId\":\"") + std::to_string(event) +
		       "\",\"metadata\":null,\"contentType\":\"application/cloudevents+json\",\"event\":" +
		       structured(k, seconds) + "}";
	fill(alone.add_events(), k, seconds);
	return alone.SerializeAsString(); /* repeated fields concatenate */
}
}

ShopBatch::ShopBatch(int n, Form form) : events(n)
{
	int64_t now = time(nullptr);

	if (form == Form::bulk)
		bytes = "{\"id\":\"b\",\"topic\":\"t\",\"pubsubname\":\"pubsub-redis\",\"entries\":[";
	for (uint32_t i = 0; i < (uint32_t)n; i++)
		append(in_form(form, *mix[i % (sizeof(mix) / sizeof(*mix))], now - 60 + i % 60, i), i);
	if (form == Form::bulk)
		bytes += "]}";
}

void ShopBatch::append(const std::string &text, uint32_t event)
{
	for (const std::string *mark : {&event_mark, &session_mark})
		for (size_t at = 0; (at = text.find(*mark, at)) != std::string::npos; at += ID_DIGITS)
			slots.push_back({bytes.size() + at, event, mark == &session_mark});
	bytes += text;
}

const std::string &ShopBatch::next()
{
	uint64_t first = counter.fetch_add((uint64_t)events);

	for (const Slot &s : slots)
		write_id(&bytes[s.at], s.session ? (first + s.event) / EVENTS_A_SESSION : first + s.event);
	return bytes;
}

void scatter_ids(bool yes)
{
	scattered = yes;
}

std::string fresh_id()
{
	std::string id(ID_DIGITS, '0');

	write_id(&id[0], counter.fetch_add(1));
	return "e-" + id;
}

void must_accept(const std::string &reply, int events)
{
	api::analytics::v1::PublishEventsResponse r;

	if (!r.ParseFromString(reply))
		fail("PublishEvents: unreadable reply");
	if (r.accepted() == events)
		return;
	std::string why = r.results_size() ? r.results(0).status() + " " + r.results(0).error().code() + " " +
						     r.results(0).error().field()
					   : "no reason given";

	fail("PublishEvents: " + std::to_string(r.accepted()) + " of " + std::to_string(events) + " accepted: " + why);
}
