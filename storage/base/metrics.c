#include "storage/base/metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

enum { LABEL_BYTES = 96, SERIES = 1024, HISTOGRAMS = 256, BUCKETS = 15, INDEX_SLOTS = 4096 };

enum kind { COUNTER, GAUGE, GAUGE_MAX, SECONDS, ROWS };

static const struct family {
	enum kind kind;
	const char *name, *label[2], *help;
} families[METRIC_FAMILIES] = {
#define X(id, k, n, l1, l2, h) [id] = { k, n, { l1, l2 }, h },
	METRIC_TABLE(X)
#undef X
};

/* Upper bounds; the last bucket, +Inf, has none. */
static const double seconds_le[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };
static const double rows_le[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000 };
_Static_assert(sizeof(seconds_le) / sizeof(double) < BUCKETS, "room for +Inf");
_Static_assert(sizeof(rows_le) / sizeof(double) < BUCKETS, "room for +Inf");

/* One writer, many readers in other processes: relaxed loads and stores, no read-modify-write. */
struct metric {
	uint32_t family;
	uint32_t histogram;          /* index + 1 into slot.histograms; 0: none */
	char label[2][LABEL_BYTES];
	_Atomic double value;        /* a histogram's sum */
};

struct histogram {
	_Atomic uint64_t bucket[BUCKETS];
};

/* series[0..METRIC_FAMILIES) always exist: a family without labels has its one series there, a family
 * with labels the one that takes what no longer fits ("other"). The rest is added in order of arrival. */
struct slot {
	_Atomic uint32_t series_n, histograms_n;
	struct metric series[SERIES];
	struct histogram histograms[HISTOGRAMS];
};
_Static_assert(METRIC_FAMILIES * 2 < HISTOGRAMS, "every family's own series and some more");

static struct slot private_slot; /* for programs that never share: tools and tests */
static struct slot *slots = &private_slot, *mine = &private_slot;
static unsigned nslots = 1;
static uint16_t index_of[INDEX_SLOTS]; /* series number by hash of its labels, of `mine`; 0: empty */

static bool labelled(uint32_t f)
{
	return *families[f].label[0];
}

static bool is_histogram(uint32_t f)
{
	return families[f].kind == SECONDS || families[f].kind == ROWS;
}

static bool is_gauge(uint32_t f)
{
	return families[f].kind == GAUGE || families[f].kind == GAUGE_MAX;
}

static void add_value(_Atomic double *to, double v)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + v, memory_order_relaxed);
}

static double value_of(const struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/* Fills the next free series; readers see it once it is whole. NULL when there is no room. */
static struct metric *append(struct slot *s, uint32_t f, const char *l1, const char *l2)
{
	uint32_t n = atomic_load_explicit(&s->series_n, memory_order_relaxed);
	uint32_t h = atomic_load_explicit(&s->histograms_n, memory_order_relaxed);
	struct metric *m = &s->series[n];

	if (n == SERIES || (is_histogram(f) && h == HISTOGRAMS))
		return NULL;
	memset(m, 0, sizeof(*m));
	m->family = f;
	memcpy(m->label[0], l1, strlen(l1) + 1);
	memcpy(m->label[1], l2, strlen(l2) + 1);
	if (is_histogram(f)) {
		m->histogram = h + 1;
		atomic_store_explicit(&s->histograms_n, h + 1, memory_order_relaxed);
	}
	atomic_store_explicit(&s->series_n, n + 1, memory_order_release);
	return m;
}

static void make_fixed(struct slot *s)
{
	for (uint32_t f = atomic_load(&s->series_n); f < METRIC_FAMILIES; f++) {
		const char *first = labelled(f) ? "other" : "";
		struct metric *m = append(s, f, first, *families[f].label[1] ? "other" : "");

		assert(m);
		(void)m;
	}
}

enum err_code metrics_create(unsigned workers, struct err *e)
{
	size_t bytes = sizeof(struct slot) * (workers + 1);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return err_set(e, ERR_QUOTA, "metrics: no memory for %u workers: %s", workers, strerror(errno));
	slots = p;
	nslots = workers + 1;
	for (unsigned i = 0; i < nslots; i++)
		make_fixed(&slots[i]);
	metrics_use_slot(workers);
	return ERR_OK;
}

static size_t hash_of(uint32_t f, const char *l1, const char *l2)
{
	return (size_t)XXH3_64bits_withSeed(l2, strlen(l2), XXH3_64bits_withSeed(l1, strlen(l1), f));
}

/* The place of these labels in index_of: taken by them, or free. */
static uint16_t *place(uint32_t f, const char *l1, const char *l2)
{
	for (size_t i = hash_of(f, l1, l2);; i++) {
		uint16_t *at = &index_of[i % INDEX_SLOTS];
		const struct metric *m = &mine->series[*at];

		if (!*at || (m->family == f && !strcmp(m->label[0], l1) && !strcmp(m->label[1], l2)))
			return at;
	}
}

void metrics_use_slot(unsigned index)
{
	double unanswered;
	uint32_t n;

	assert(index < nslots);
	mine = &slots[index];
	make_fixed(mine);
	memset(index_of, 0, sizeof(index_of));
	n = atomic_load(&mine->series_n);
	for (uint32_t i = 0; i < n; i++) {
		struct metric *m = &mine->series[i];

		if (i >= METRIC_FAMILIES)
			*place(m->family, m->label[0], m->label[1]) = (uint16_t)i;
		if (is_gauge(m->family))
			atomic_store_explicit(&m->value, 0, memory_order_relaxed);
	}
	/* What the slot's former process had taken in and not answered is nobody's any more: its clients
	 * saw the call break and send again. Counted, so that received still equals the sum of verdicts.
	 * (Not by its gauge: it may have been killed between the writing of the two.) */
	unanswered = metrics_own(M_RECEIVED) - metrics_own(M_EVENTS);
	if (unanswered > 0)
		metric_add(metric_get(M_EVENTS, "unknown", "refused"), unanswered);
}

/* Labels are short ASCII text, whatever a client sent. */
static void clean_label(char *to, const char *from)
{
	size_t n = 0;

	for (; from[n] && n < LABEL_BYTES - 1; n++)
		to[n] = (from[n] >= 0x20 && from[n] < 0x7f) || from[n] == '\n' ? from[n] : '?';
	to[n] = 0;
}

struct metric *metric_get(enum metric_family f, const char *label1, const char *label2)
{
	char l1[LABEL_BYTES], l2[LABEL_BYTES];
	struct metric *m;
	uint16_t *at;

	make_fixed(mine);
	if (!labelled(f))
		return &mine->series[f];
	clean_label(l1, label1);
	clean_label(l2, label2);
	at = place(f, l1, l2);
	if (*at)
		return &mine->series[*at];
	m = append(mine, f, l1, l2);
	if (!m)
		return &mine->series[f];
	*at = (uint16_t)(m - mine->series);
	return m;
}

void metric_add(struct metric *m, double v)
{
	add_value(&m->value, v);
}

void metric_set(struct metric *m, double v)
{
	atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

static unsigned bounds_of(uint32_t f, const double **le)
{
	*le = families[f].kind == SECONDS ? seconds_le : rows_le;
	return families[f].kind == SECONDS ? sizeof(seconds_le) / sizeof(double) : sizeof(rows_le) / sizeof(double);
}

/* A series belongs to `mine`, as only its own process writes it. */
void metric_observe(struct metric *m, double v)
{
	_Atomic uint64_t *bucket;
	const double *le;
	unsigned n = bounds_of(m->family, &le), b = 0;

	assert(m->histogram);
	while (b < n && v > le[b])
		b++;
	bucket = &mine->histograms[m->histogram - 1].bucket[b];
	atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1, memory_order_relaxed);
	add_value(&m->value, v);
}

/* A series and the slot it is in, as the sorted list of all workers' series needs it. */
struct seen {
	const struct metric *m;
	const struct slot *s;
};

static int by_name(const void *a, const void *b)
{
	const struct metric *x = ((const struct seen *)a)->m, *y = ((const struct seen *)b)->m;
	int d = (x->family > y->family) - (x->family < y->family);

	if (!d)
		d = strcmp(x->label[0], y->label[0]);
	return d ? d : strcmp(x->label[1], y->label[1]);
}

static struct seen *gather(size_t *n)
{
	struct seen *all;
	size_t cap = 0;

	*n = 0;
	for (unsigned i = 0; i < nslots; i++)
		cap += atomic_load_explicit(&slots[i].series_n, memory_order_acquire);
	all = malloc((cap + 1) * sizeof(*all));
	for (unsigned i = 0; all && i < nslots; i++) {
		uint32_t have = atomic_load_explicit(&slots[i].series_n, memory_order_acquire);

		for (uint32_t k = 0; k < have && *n < cap; k++)
			all[(*n)++] = (struct seen){ &slots[i].series[k], &slots[i] };
	}
	if (all)
		qsort(all, *n, sizeof(*all), by_name);
	return all;
}

static void put_number(struct buf *out, double v)
{
	if (v == floor(v) && fabs(v) < 1e15)
		buf_printf(out, "%.0f", v);
	else
		buf_printf(out, "%.12g", v);
}

static void put_label(struct buf *out, const char *name, const char *value, char *before)
{
	if (!*name)
		return;
	buf_printf(out, "%c%s=\"", *before, name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_putc(out, '\\');
		if (*value == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *value);
	}
	buf_putc(out, '"');
	*before = ',';
}

/* name_suffix{labels} value; le: NULL for no such label. */
static void put_line(struct buf *out, const struct metric *m, const char *suffix, const char *le, double v)
{
	const struct family *f = &families[m->family];
	char before = '{';

	buf_printf(out, "analytics_%s%s", f->name, suffix);
	for (int i = 0; i < 2; i++)
		put_label(out, f->label[i], m->label[i], &before);
	if (le)
		put_label(out, "le", le, &before);
	buf_puts(out, before == ',' ? "} " : " ");
	put_number(out, v);
	buf_putc(out, '\n');
}

static void put_histogram(struct buf *out, const struct seen *run, size_t n)
{
	double below = 0, sum = 0;
	const double *le;
	unsigned bounds = bounds_of(run->m->family, &le);

	for (unsigned b = 0; b <= bounds; b++) {
		char text[32] = "+Inf";

		for (size_t i = 0; i < n; i++)
			below += (double)atomic_load_explicit(
				&run[i].s->histograms[run[i].m->histogram - 1].bucket[b], memory_order_relaxed);
		if (b < bounds)
			snprintf(text, sizeof(text), "%g", le[b]);
		put_line(out, run->m, "_bucket", text, below);
	}
	for (size_t i = 0; i < n; i++)
		sum += value_of(run[i].m);
	put_line(out, run->m, "_sum", NULL, sum);
	put_line(out, run->m, "_count", NULL, below);
}

static double combined(const struct seen *run, size_t n)
{
	double v = 0;

	for (size_t i = 0; i < n; i++) {
		if (families[run->m->family].kind == GAUGE_MAX)
			v = fmax(v, value_of(run[i].m));
		else
			v += value_of(run[i].m);
	}
	return v;
}

static void put_head(struct buf *out, uint32_t f)
{
	static const char *const types[] = { "counter", "gauge", "gauge", "histogram", "histogram" };

	buf_printf(out, "# HELP analytics_%s %s\n# TYPE analytics_%s %s\n", families[f].name, families[f].help,
		   families[f].name, types[families[f].kind]);
}

/* "other" is said once something fell into it. */
static bool unused(const struct seen *run, size_t n)
{
	return labelled(run->m->family) && !strcmp(run->m->label[0], "other") && combined(run, n) == 0;
}

void metrics_print(struct buf *out)
{
	size_t n, to;
	struct seen *all = gather(&n);
	uint32_t last = METRIC_FAMILIES;

	if (!all) {
		out->failed = true;
		return;
	}
	for (size_t at = 0; at < n; at = to) {
		uint32_t f = all[at].m->family;

		for (to = at + 1; to < n && !by_name(&all[at], &all[to]); to++)
			;
		if (f != last)
			put_head(out, f);
		last = f;
		if (unused(&all[at], to - at))
			continue;
		if (is_histogram(f))
			put_histogram(out, &all[at], to - at);
		else
			put_line(out, all[at].m, "", NULL, combined(&all[at], to - at));
	}
	free(all);
}

static double sum_of(const struct slot *s, enum metric_family f, const char *label1, const char *label2)
{
	uint32_t n = atomic_load_explicit(&s->series_n, memory_order_acquire);
	double v = 0;

	for (uint32_t k = 0; k < n; k++) {
		const struct metric *m = &s->series[k];

		if (m->family == f && (!label1 || !strcmp(m->label[0], label1)) &&
		    (!label2 || !strcmp(m->label[1], label2)))
			v += value_of(m);
	}
	return v;
}

double metrics_own(enum metric_family f)
{
	return sum_of(mine, f, NULL, NULL);
}

double metrics_sum(enum metric_family f, const char *label1, const char *label2)
{
	double v = 0;

	for (unsigned i = 0; i < nslots; i++)
		v += sum_of(&slots[i], f, label1, label2);
	return v;
}

double metrics_max(enum metric_family f)
{
	double v = -HUGE_VAL;

	for (unsigned i = 0; i < nslots; i++) {
		uint32_t n = atomic_load_explicit(&slots[i].series_n, memory_order_acquire);

		for (uint32_t k = 0; k < n; k++)
			if (slots[i].series[k].family == f)
				v = fmax(v, value_of(&slots[i].series[k]));
	}
	return v;
}
