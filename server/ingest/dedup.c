#include "server/ingest/dedup.h"

#include "storage/base/metrics.h"

#include <stdlib.h>

enum { WAYS = 4 };

struct slot {
	struct event_key key;
	uint8_t digest[16];
	int64_t seen_us; /* 0: empty */
};

struct dedup {
	struct slot *slots;
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
	if (!d->slots) {
		free(d);
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
	free(d->slots);
	free(d);
	return NULL;
}

static struct slot *bucket_of(struct dedup *d, const struct event_key *k)
{
	uint64_t h;

	memcpy(&h, k->b + 8, sizeof(h)); /* the key is a hash already */
	return d->slots + (h & (d->buckets - 1)) * WAYS;
}

enum dedup_answer dedup_look(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us)
{
	struct slot *s = bucket_of(d, k);

	for (int i = 0; i < WAYS; i++) {
		if (!s[i].seen_us || memcmp(&s[i].key, k, sizeof(*k)) != 0)
			continue;
		if (now_us - s[i].seen_us > d->window_us)
			break;
		metric_add(d->hits, 1);
		return digest_agrees(s[i].digest, digest) ? DEDUP_SAME : DEDUP_OTHER;
	}
	metric_add(d->misses, 1);
	return DEDUP_UNKNOWN;
}

void dedup_settle(struct dedup *d, const struct event_key *k, const uint8_t digest[16], int64_t now_us)
{
	struct slot *s = bucket_of(d, k), *to = s;

	for (int i = 0; i < WAYS; i++) {
		if (s[i].seen_us && memcmp(&s[i].key, k, sizeof(*k)) == 0) {
			to = &s[i];
			break;
		}
		if (s[i].seen_us < to->seen_us)
			to = &s[i];
	}
	if (!to->seen_us)
		metric_set(d->entries, ++d->used);
	to->key = *k;
	memcpy(to->digest, digest, 16);
	to->seen_us = now_us;
}
