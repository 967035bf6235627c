/* test/bench/shop_events.h -- requests as a shop sends them, PublishEvents or the bus's over HTTP: per 10 events 5 page views, 3
 * product views, a cart item and a paid order of two items, about 450 bytes of JSON each. A batch is
 * serialized once; every further one is the same bytes with fresh identities written into them. */
#ifndef TEST_BENCH_SHOP_EVENTS_H
#define TEST_BENCH_SHOP_EVENTS_H

#include <cstdint>
#include <string>
#include <vector>

enum class Form { publish, single /* delivery */, bulk };

class ShopBatch
{
public:
	explicit ShopBatch(int events, Form form = Form::publish);
	/* The request with identities never used before, by any batch of any run. Valid until the next call. */
	const std::string &next();
	int size() const { return events; }

private:
	void append(const std::string &text, uint32_t event);

	struct Slot {
		size_t at;
		uint32_t event;
		bool session; /* the same for 8 events in a row */
	};

	int events;
	std::string bytes;
	std::vector<Slot> slots;
};

void scatter_ids(bool yes); /* from now on identities are as random as UUIDv4; else they count up */
std::string fresh_id();     /* one identity, as the batches make them */

/* Fails the benchmark unless reply is a PublishEventsResponse that says all `events` were accepted. */
void must_accept(const std::string &reply, int events);

#endif
