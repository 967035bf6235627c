#include "server/ingest/dedup.h"

#include "storage/base/metrics.h"

#include <stdlib.h>

enum { WAYS = 4, CACHE_LINE = 64 };

struct slot {
	struct event_key key;
	uint8_t digest[16];
	int64_t seen_us;
};

/* A bucket's marks stand apart from its slots: most looks find nothing, and then touch one cache line. */
struct marks {
	uint32_t of[WAYS];   /* a part of the key, never 0; 0: empty */
	uint32_t oldest;     /* the slot that is overwritten next */
};

struct dedup {
	struct marks *marks;
	struct slot *slots;  /* WAYS a bucket */
	uint32_t buckets, used;
	int64_t window_us;
	struct metric *hits, *misses, *entries;
};

enum err_code dedup_create(struct dedup **out, uint32_t entries, int64_t window_us, struct err *e)
{
	struct dedup *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(e, ERR_QUOTA, "no memory for the identity cache");
	d->buckets = 1;
	while (d->buckets * WAYS < entries)
		d->buckets *= 2;
	d->slots = calloc((size_t)d->buckets * WAYS, sizeof(*d->slots));
	d->marks = calloc(d->buckets, sizeof(*d->marks));
	if (!d->slots || !d->marks) {
		dedup_destroy(d);
		return err_set(e, ERR_QUOTA, "no memory for %u identities", entries);
	}
	d->window_us = window_us;
	d->hits = metric_get(M_DEDUP_HITS, "", "");
	d->misses = metric_get(M_DEDUP_MISSES, "", "");
	d->entries = metric_get(M_DEDUP_ENTRIES, "", "");
	*out = d;
	return ERR_OK;
}

struct dedup *dedup_destroy(struct dedup *d)
{
	if (!d)
		return NULL;
	free(d->marks);
	free(d->slots);
	free(d);
	return NULL;
}

static uint32_t bucket_of(const struct dedup *d, const struct event_key *k)
{
	uint64_t h;

	memcpy(&h, k->b + 8, sizeof(h)); /* keys end in a hash: see event_key_make */
	return (uint32_t)h & (d->buckets - 1);
}

static uint32_t mark_of(const struct event_key *k)
{
	uint32_t m;

	memcpy(&m, k->b + 4, sizeof(m));
	return m ? m : 1;
}

/* The slot that holds k; NULL: none. */
static struct slot *find(struct dedup *d, const struct event_key *k)
{
	uint32_t bucket = bucket_of(d, k), mark = mark_of(k);

	for (uint32_t i = 0; i < WAYS; i++) {
		struct slot *s = &d->slots[bucket * WAYS + i];

		if (d->marks[bucket].of[i] == mark && memcmp(&s->key, k, sizeof(*k)) == 0)
			return s;
	}
	return NULL;
}

enum dedup_answer dedup_look(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us)
{
	const struct slot *s = find(d, k);

	if (!s || now_us - s->seen_us > d->window_us) {
		metric_add(d->misses, 1);
		return DEDUP_UNKNOWN;
	}
	metric_add(d->hits, 1);
	return digest_agrees(s->digest, digest) ? DEDUP_SAME : DEDUP_OTHER;
}

/* The slot for a key that is not there: the bucket's oldest makes room. */
static struct slot *take(struct dedup *d, const struct event_key *k)
{
	uint32_t bucket = bucket_of(d, k);
	struct marks *m = &d->marks[bucket];
	uint32_t i = m->oldest;

	m->oldest = (i + 1) % WAYS;
	if (!m->of[i])
		metric_set(d->entries, ++d->used);
	m->of[i] = mark_of(k);
	return &d->slots[bucket * WAYS + i];
}

void dedup_expect(const struct dedup *d, const struct event_key *k)
{
	uint32_t bucket = bucket_of(d, k);
	const char *at = (const char *)&d->slots[bucket * WAYS], *end = at + WAYS * sizeof(*d->slots);

	__builtin_prefetch(&d->marks[bucket], 1);
	for (; at < end; at += CACHE_LINE)
		__builtin_prefetch(at, 1);
}

void dedup_settle(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us)
{
	struct slot *s = find(d, k);

	if (!s)
		s = take(d, k);
	s->key = *k;
	memcpy(s->digest, digest, sizeof(s->digest));
	s->seen_us = now_us;
}
