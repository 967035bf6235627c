#include "server/admin/admin.h"

#include "api/analytics/v1/admin.pb-c.h"
#include "server/admin/listing.h"
#include "server/services.h"
#include "storage/base/clock.h"
#include "storage/pg/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { DEFAULT_PAGE = 50, MAX_PAGE = 1000 };

typedef Api__Analytics__V1__ListDeadLettersRequest request;
typedef Api__Analytics__V1__ListDeadLettersResponse response;
typedef Api__Analytics__V1__DeadLetter letter;

struct page {
	struct pool_query query;
	struct call *call;
	int size;
	uint32_t filters;        /* hash of them: a token goes with its filters */
	char limit[16], below[24];
};

static uint32_t hash_text(uint32_t h, const char *s)
{
	s = listing_filter(s);
	return XXH32(s ? s : "", s ? strlen(s) + 1 : 0, h);
}

static uint32_t hash_filters(const request *r)
{
	uint32_t h = hash_text(0, r->status);

	h = hash_text(h, r->error_code);
	h = hash_text(h, r->topic);
	h = hash_text(h, r->source);
	return hash_text(h, r->event_type);
}

static char *text_at(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static void fill(letter *to, const PGresult *r, int row)
{
	api__analytics__v1__dead_letter__init(to);
	to->has_id = to->has_deliveries = to->has_retries = true;
	to->id = strtoll(PQgetvalue(r, row, 0), NULL, 10);
	to->event_id = text_at(r, row, 1);
	to->event_type = text_at(r, row, 2);
	to->topic = text_at(r, row, 3);
	to->source = text_at(r, row, 4);
	to->error_code = text_at(r, row, 5);
	to->error_field = text_at(r, row, 6);
	to->error_message = text_at(r, row, 7);
	to->payload = text_at(r, row, 8);
	to->status = text_at(r, row, 9);
	to->deliveries = strtoll(PQgetvalue(r, row, 10), NULL, 10);
	to->retries = (int32_t)strtol(PQgetvalue(r, row, 11), NULL, 10);
	to->first_seen = text_at(r, row, 12);
	to->trace_id = text_at(r, row, 13);
}

static void on_page(struct pool_query *q, enum err_code c, PGresult *const *results, const struct err *e)
{
	struct page *p = (struct page *)q; /* its first member */
	response out = API__ANALYTICS__V1__LIST_DEAD_LETTERS_RESPONSE__INIT;
	char token[40] = "";
	letter *list, **pointers;
	int n;

	if (c) {
		call_fail_code(p->call, c, e->detail);
		return;
	}
	n = PQntuples(results[0]);
	list = arena_alloc(&p->call->arena, (size_t)n * sizeof(*list) + 1);
	pointers = arena_alloc(&p->call->arena, (size_t)n * sizeof(*pointers) + 1);
	if (!list || !pointers) {
		call_fail_code(p->call, ERR_QUOTA, "the answer is too large");
		return;
	}
	for (int i = 0; i < n; i++) {
		fill(&list[i], results[0], i);
		pointers[i] = &list[i];
	}
	if (n == p->size)
		snprintf(token, sizeof(token), "%" PRId64 ".%08x", list[n - 1].id, p->filters);
	out.n_dead_letters = (size_t)n;
	out.dead_letters = pointers;
	out.next_page_token = token;
	call_reply(p->call, &out.base);
}

static void on_cancel(struct call *c)
{
	pool_cancel(c->services->queries, c->state);
}

/* False when the token is not one of ours, or came with other filters. */
static bool read_token(struct page *p, const char *token)
{
	char *end;
	long long id = strtoll(token, &end, 10);

	if (id <= 0 || *end != '.' || strtoul(end + 1, &end, 16) != p->filters || *end)
		return false;
	snprintf(p->below, sizeof(p->below), "%lld", id);
	return true;
}

void admin_list_dead_letters(struct call *c, const ProtobufCMessage *req)
{
	static const char *const states[] = { "pending", "retrying", "resolved", "discarded", NULL };
	const request *r = (const void *)req;
	struct page *p = arena_zalloc(&c->arena, sizeof(*p));
	struct pool_statement *s;
	enum err_code rc;
	struct err e;

	if (!p) {
		call_fail_code(c, ERR_QUOTA, "no memory for the call");
		return;
	}
	p->call = c;
	p->filters = hash_filters(r);
	if (r->page_token && *r->page_token && !read_token(p, r->page_token)) {
		call_fail_field(c, "pageToken", "not a token of this list with these filters");
		return;
	}
	if (r->has_page_size && r->page_size < 0) {
		call_fail_field(c, "pageSize", "must not be negative");
		return;
	}
	if (!listing_among(c, "status", r->status, states))
		return;
	p->size = r->has_page_size && r->page_size ? r->page_size : DEFAULT_PAGE;
	p->size = p->size > MAX_PAGE ? MAX_PAGE : p->size;
	snprintf(p->limit, sizeof(p->limit), "%d", p->size);
	p->query = (struct pool_query){ .nstatements = 1, .deadline_us = c->deadline_us, .done = on_page };
	s = &p->query.statements[0];
	*s = (struct pool_statement){ "letters_page", 7,
				      { p->limit, *p->below ? p->below : NULL, listing_filter(r->status),
					listing_filter(r->error_code), listing_filter(r->topic), listing_filter(r->source),
					listing_filter(r->event_type) } };
	c->state = &p->query;
	c->on_cancel = on_cancel;
	rc = pool_run(c->services->queries, &p->query, &e);
	if (rc)
		call_fail_code(c, rc, e.detail);
}
