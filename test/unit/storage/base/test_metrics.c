#include "storage/base/metrics.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The text exactly as it is served; the caller frees by buf_reset. */
static const char *printed(struct buf *b)
{
	buf_init(b, 16 << 20);
	metrics_print(b);
	buf_putc(b, 0);
	cr_assert_not(b->failed);
	return b->p;
}

static void create(unsigned workers)
{
	struct err e = { 0 };

	cr_assert_eq(metrics_create(workers, &e), ERR_OK, "%s", e.detail);
}

Test(metrics, work_without_a_shared_mapping)
{
	metric_add(metric_get(M_EVENTS, "purchase", "stored"), 2);
	cr_expect_eq(metrics_sum(M_EVENTS, "purchase", NULL), 2);
}

Test(metrics, the_same_labels_are_the_same_series)
{
	create(1);
	metrics_use_slot(0);
	cr_expect_eq(metric_get(M_EVENTS, "a", "b"), metric_get(M_EVENTS, "a", "b"));
	cr_expect_neq(metric_get(M_EVENTS, "a", "b"), metric_get(M_EVENTS, "b", "a"));
	cr_expect_neq(metric_get(M_EVENTS, "ab", ""), metric_get(M_EVENTS, "a", "b"));
	cr_expect_neq(metric_get(M_EVENTS, "a", "b"), metric_get(M_REJECTIONS, "a", "b"));
}

Test(metrics, workers_are_summed)
{
	create(3);
	for (unsigned w = 0; w < 3; w++) {
		metrics_use_slot(w);
		metric_add(metric_get(M_EVENTS, "purchase", "stored"), w + 1);
		metric_set(metric_get(M_DEDUP_ENTRIES, "", ""), 10);
	}
	cr_expect_eq(metrics_sum(M_EVENTS, "purchase", "stored"), 6);
	cr_expect_eq(metrics_sum(M_DEDUP_ENTRIES, NULL, NULL), 30);
}

Test(metrics, counters_survive_a_restart_and_gauges_do_not)
{
	create(2);
	metrics_use_slot(0);
	metric_add(metric_get(M_EVENTS, "purchase", "stored"), 5);
	metric_observe(metric_get(M_BATCH, "", ""), 3);
	metric_set(metric_get(M_DB_CONNS, "ready", ""), 4);
	metrics_use_slot(0);
	metric_add(metric_get(M_EVENTS, "purchase", "stored"), 1);
	cr_expect_eq(metrics_sum(M_EVENTS, NULL, NULL), 6);
	cr_expect_eq(metrics_sum(M_BATCH, NULL, NULL), 3);
	cr_expect_eq(metrics_sum(M_DB_CONNS, NULL, NULL), 0);
}

/* received = verdicts + in flight must hold over a crash: what the dead worker held was refused. */
Test(metrics, a_dead_workers_events_in_flight_become_refused)
{
	create(1);
	metrics_use_slot(0);
	metric_add(metric_get(M_RECEIVED, "", ""), 10);
	metric_add(metric_get(M_EVENTS, "purchase", "stored"), 7);
	metric_add(metric_get(M_IN_FLIGHT, "", ""), 3);
	metrics_use_slot(0);
	cr_expect_eq(metrics_sum(M_RECEIVED, NULL, NULL),
		     metrics_sum(M_EVENTS, NULL, NULL) + metrics_sum(M_IN_FLIGHT, NULL, NULL));
	cr_expect_eq(metrics_sum(M_EVENTS, NULL, "refused"), 3);
	metrics_use_slot(0);
	cr_expect_eq(metrics_sum(M_EVENTS, NULL, "refused"), 3, "once");
}

Test(metrics, are_shared_between_processes)
{
	int status;
	pid_t pid;

	create(2);
	pid = fork();
	if (!pid) {
		metrics_use_slot(1);
		metric_add(metric_get(M_EVENTS, "page_view", "stored"), 41);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	metrics_use_slot(0);
	metric_add(metric_get(M_EVENTS, "page_view", "stored"), 1);
	cr_expect_eq(metrics_sum(M_EVENTS, "page_view", "stored"), 42);
}

Test(metrics, text_has_help_type_and_escaped_labels)
{
	struct buf b;
	const char *text;

	create(1);
	metrics_use_slot(0);
	metric_add(metric_get(M_EVENTS, "a\"b\\c\nd", "stored"), 1);
	text = printed(&b);
	cr_expect(strstr(text, "# HELP analytics_events_total "));
	cr_expect(strstr(text, "# TYPE analytics_events_total counter\n"));
	cr_expect(strstr(text, "# TYPE analytics_db_connections gauge\n"));
	cr_expect(strstr(text, "# TYPE analytics_ingest_seconds histogram\n"));
	cr_expect(strstr(text, "\nanalytics_events_total{type=\"a\\\"b\\\\c\\nd\",result=\"stored\"} 1\n"), "%s", text);
	cr_expect(strstr(text, "\nanalytics_events_received_total 0\n"), "a family without labels is always there");
	cr_expect_null(strstr(text, "\"other\""));
	buf_reset(&b);
}

Test(metrics, histogram_buckets_are_cumulative)
{
	struct buf b;
	const char *text;

	create(2);
	metrics_use_slot(0);
	metric_observe(metric_get(M_INGEST, "", ""), 0.0004);
	metric_observe(metric_get(M_INGEST, "", ""), 0.01); /* a bound belongs to its bucket */
	metrics_use_slot(1);
	metric_observe(metric_get(M_INGEST, "", ""), 0.5);
	metric_observe(metric_get(M_INGEST, "", ""), 99);
	metric_observe(metric_get(M_BATCH, "", ""), 5000);
	text = printed(&b);
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_bucket{le=\"0.0005\"} 1\n"), "%s", text);
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_bucket{le=\"0.005\"} 1\n"));
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_bucket{le=\"0.01\"} 2\n"));
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_bucket{le=\"10\"} 3\n"));
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_bucket{le=\"+Inf\"} 4\n"));
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_count 4\n"));
	cr_expect(strstr(text, "\nanalytics_ingest_seconds_sum 99.5104\n"));
	cr_expect(strstr(text, "\nanalytics_batch_size_bucket{le=\"2000\"} 0\n"));
	cr_expect(strstr(text, "\nanalytics_batch_size_bucket{le=\"5000\"} 1\n"));
	buf_reset(&b);
}

/* A flood of label values is bounded in series and bytes, and still counted. */
Test(metrics, too_many_label_values_fall_into_other)
{
	char label[300];
	struct buf b;
	double before;

	create(1);
	metrics_use_slot(0);
	for (int i = 0; i < 100000; i++) {
		snprintf(label, sizeof(label), "type%d", i);
		metric_add(metric_get(M_EVENTS, label, "stored"), 1);
	}
	cr_expect_eq(metrics_sum(M_EVENTS, NULL, NULL), 100000);
	before = metrics_sum(M_EVENTS, "other", "other");
	cr_expect_gt(before, 98000);
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = 0;
	metric_add(metric_get(M_EVENTS, label, label), 1);
	metric_observe(metric_get(M_RPC, label, "OK"), 1);
	cr_expect_eq(metrics_sum(M_EVENTS, "other", "other"), before + 1);
	printed(&b);
	cr_expect_lt(b.n, 1 << 18);
	buf_reset(&b);
}

Test(metrics, too_many_histograms_fall_into_other)
{
	char label[32];
	struct buf b;

	create(1);
	metrics_use_slot(0);
	for (int i = 0; i < 1000; i++) {
		snprintf(label, sizeof(label), "m%d", i);
		metric_observe(metric_get(M_RPC, label, "OK"), 1);
	}
	cr_expect_eq(metrics_sum(M_RPC, NULL, NULL), 1000);
	cr_expect(strstr(printed(&b), "analytics_rpc_seconds_count{method=\"other\",code=\"other\"}"));
	buf_reset(&b);
}
