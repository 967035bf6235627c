/* storage/event_work_entities.c -- the order of a range's events within each entity: who is behind an earlier
 * arrival of the same range, and how far the range brings each entity. */
#include "storage/event_work.h"

#include "storage/pg/types.h"

#include <stdlib.h>

struct reached {
	bool any[2];                 /* by time, by sequence */
	int64_t most[2];
};

struct entity_arrival {
	struct entity_mark mark;
	struct reached reached;      /* by its entity, once reduced */
	uint32_t at;                 /* of its encoded row: rows were added in the order of arrival */
	const struct batch_entry *entry;
};

static int arrival_order(const void *a, const void *b)
{
	const struct entity_arrival *x = a, *y = b;
	int c = memcmp(x->mark.entity.b, y->mark.entity.b, sizeof(x->mark.entity.b));

	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static uint32_t gather(struct entity_arrival *to, const struct event_batch *b, struct range r)
{
	uint32_t n = 0;

	for (uint32_t i = r.from; i < r.from + r.n; i++) {
		const struct batch_entry *e = &b->entries[i];

		if (e->verdict != ROW_PENDING || !event_batch_entity(b, e, &to[n].mark))
			continue;
		to[n].at = e->at;
		to[n++].entry = e;
	}
	qsort(to, n, sizeof(*to), arrival_order);
	return n;
}

/* Takes the events of one entity in the order of their arrival. Returns how many they are. */
static uint32_t follow(struct event_batch *b, const struct entity_arrival *first, const struct entity_arrival *end,
		       struct reached *out)
{
	const struct entity_arrival *a = first;

	*out = (struct reached){ 0 };
	for (; a < end && memcmp(&a->mark.entity, &first->mark.entity, sizeof(a->mark.entity)) == 0; a++) {
		unsigned kind = a->mark.has_sequence;
		bool late = out->any[kind] && a->mark.at < out->most[kind];

		event_batch_mark_late(b, a->entry, late);
		if (!late)
			out->most[kind] = a->mark.at;
		out->any[kind] = true;
	}
	return (uint32_t)(a - first);
}

static char *put_or_null(char *at, bool any, int64_t v)
{
	return any ? pg_put_int8(at, v) : pg_put_null(at);
}

/* Leaves one arrival an entity, with what it reached. */
static uint32_t reduce(struct event_batch *b, struct entity_arrival *a, uint32_t n)
{
	uint32_t entities = 0;

	for (uint32_t i = 0; i < n; entities++) {
		struct reached r;
		uint32_t taken = follow(b, a + i, a + n, &r);

		a[entities].mark.entity = a[i].mark.entity;
		a[entities].reached = r;
		i += taken;
	}
	return entities;
}

static size_t put_array(struct buf *p, const struct entity_arrival *a, uint32_t n, enum pg_oid type)
{
	char *at = buf_reserve(p, PG_ARRAY_HEAD_BYTES + n * (size_t)PG_UUID_BYTES);

	if (!at)
		return 0;
	at = pg_put_array_head(at, type, n);
	for (const struct entity_arrival *end = a + n; a < end; a++) {
		unsigned kind = type == PG_OID_INT8;

		if (type == PG_OID_UUID)
			at = pg_put_uuid(at, a->mark.entity.b);
		else
			at = put_or_null(at, a->reached.any[kind], a->reached.most[kind]);
	}
	return p->n = (size_t)(at - p->p);
}

void work_put_entities(struct event_store *s, struct event_batch *b, struct range r, size_t ends[3])
{
	static const enum pg_oid types[] = { PG_OID_UUID, PG_OID_INT8, PG_OID_TIMESTAMPTZ };
	struct entity_arrival *a = s->arrivals;
	uint32_t n;

	if (r.n > s->arrivals_cap) {
		a = realloc(s->arrivals, r.n * sizeof(*a));
		if (!a) {
			s->params.failed = true;
			return;
		}
		s->arrivals = a;
		s->arrivals_cap = r.n;
	}
	n = s->tracking ? reduce(b, a, gather(a, b, r)) : 0;
	for (unsigned i = 0; i < 3; i++)
		ends[i] = put_array(&s->params, a, n, types[i]);
}
