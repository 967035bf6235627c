#include "server/ingest/load.h"

#include "server/ingest/dedup.h"

#include <stdlib.h>

struct load *load_destroy(struct load *l)
{
	if (!l)
		return NULL;
	load_destroy(l->behind);
	load_clear(l);
	event_batch_destroy(l->batch);
	free(l->pending);
	free(l->claimed);
	free(l->keys);
	free(l);
	return NULL;
}

struct load *load_create(uint32_t rows, size_t bytes)
{
	struct load *l = calloc(1, sizeof(*l));
	uint32_t slots = 4;

	while (slots < rows * 2)
		slots *= 2;
	if (!l)
		return NULL;
	l->mask = slots - 1;
	l->batch = event_batch_create(rows, bytes);
	l->pending = calloc(rows, sizeof(*l->pending));
	l->claimed = calloc(slots, sizeof(*l->claimed));
	l->keys = calloc(rows, sizeof(*l->keys));
	if (l->batch && l->pending && l->claimed && l->keys)
		return l;
	return load_destroy(l);
}

void load_clear(struct load *l)
{
	struct follower *f;

	while ((f = l->followers)) {
		l->followers = f->next;
		free(f);
	}
	if (l->claimed)
		memset(l->claimed, 0, ((size_t)l->mask + 1) * sizeof(*l->claimed));
	if (l->batch) {
		l->batch->n = 0;
		buf_clear(&l->batch->rows);
	}
}

/* The slot that holds k, or the empty one where it belongs. */
static uint32_t *slot_of(const struct load *l, const struct event_key *k)
{
	uint64_t h;

	memcpy(&h, k->b + 8, sizeof(h)); /* keys end in a hash: see event_key_make */
	for (uint32_t i = (uint32_t)h & l->mask;; i = (i + 1) & l->mask)
		if (!l->claimed[i] || memcmp(&l->keys[l->claimed[i] - 1], k, sizeof(*k)) == 0)
			return &l->claimed[i];
}

static enum load_answer follow(struct load *l, const struct event_row *row, struct pending of)
{
	struct follower *f = malloc(sizeof(*f));

	if (!f)
		return LOAD_FULL;
	*f = (struct follower){ .next = l->followers, .key = row->key, .of = of };
	l->followers = f;
	return LOAD_FOLLOWS;
}

enum load_answer load_add(struct load *l, const struct event_row *row, struct pending of, uint64_t now_us)
{
	uint32_t *slot = slot_of(l, &row->key), i = l->batch->n;
	struct batch_entry *entry;

	if (*slot)
		return digest_agrees(l->batch->entries[*slot - 1].digest, row->digest) ? follow(l, row, of)
											: LOAD_DIFFERS;
	entry = event_batch_add(l->batch, row);
	if (!entry)
		return LOAD_FULL;
	if (i == 0)
		l->opened_us = now_us;
	*slot = i + 1;
	l->keys[i] = row->key;
	l->pending[i] = of;
	entry->owner = &l->pending[i];
	entry->index = of.index;
	return LOAD_ADDED;
}

const struct batch_entry *load_find(const struct load *l, const struct event_key *k)
{
	for (uint32_t i = 0; i < l->batch->n; i++)
		if (memcmp(&l->batch->entries[i].key, k, sizeof(*k)) == 0)
			return &l->batch->entries[i];
	return NULL;
}
