/* storage/base/metrics.def.h -- every metric family: one row each; names are exported as analytics_<name>.
 * X(id, kind, name, label1, label2, help: what an operator should make of it)
 * kinds: COUNTER, GAUGE (summed over workers), GAUGE_MAX (the largest of them), SECONDS and ROWS (histograms) */
#ifndef STORAGE_BASE_METRICS_DEF_H
#define STORAGE_BASE_METRICS_DEF_H

#define METRIC_TABLE(X)                                                                                      \
	X(M_EVENTS, COUNTER, "events_total", "type", "result", "Events by verdict: stored, duplicate, rejected, refused") \
	X(M_RECEIVED, COUNTER, "events_received_total", "", "", "Events that arrived; equals the sum of verdicts and in flight") \
	X(M_IN_FLIGHT, GAUGE, "events_in_flight", "", "", "Events taken in and not answered yet")            \
	X(M_GAP, GAUGE, "conservation_gap", "", "", "Events received less those settled and in flight: alarm when it is not 0") \
	X(M_QUEUE_BYTES, GAUGE, "ingest_queue_bytes", "", "", "Memory held by events not answered yet; at its ceiling calls are refused") \
	X(M_OUT_OF_ORDER, COUNTER, "out_of_order_total", "", "", "Events stored behind a later one of the same entity") \
	X(M_REJECTIONS, COUNTER, "validation_rejections_total", "code", "topic", "Events that became dead letters") \
	X(M_DEAD_LETTERS, GAUGE_MAX, "dead_letters", "topic", "status", "Dead letters that lie in the database, counted now and then; pending ones wait for somebody") \
	X(M_BATCH, ROWS, "batch_size", "", "", "Rows a batch carried to PostgreSQL")                         \
	X(M_INGEST, SECONDS, "ingest_seconds", "", "", "From a batch's first event to its commit")            \
	X(M_DB_CONNS, GAUGE, "db_connections", "state", "", "Connections to PostgreSQL by state: connecting, ready, waiting") \
	X(M_DB_BREAKER, GAUGE_MAX, "db_breaker_state", "", "", "0 closed; 1 a probe is out; 2 open: PostgreSQL keeps failing, calls are refused at once") \
	X(M_DEDUP_HITS, COUNTER, "dedup_cache_hits_total", "", "", "Redeliveries answered from memory")        \
	X(M_DEDUP_MISSES, COUNTER, "dedup_cache_misses_total", "", "", "Events whose identity PostgreSQL had to judge") \
	X(M_DEDUP_ENTRIES, GAUGE, "dedup_cache_entries", "", "", "Identities held in memory")               \
	X(M_RPC, SECONDS, "rpc_seconds", "method", "code", "gRPC calls from arrival to answer")              \
	X(M_HTTP, COUNTER, "http_requests_total", "route", "code", "HTTP requests by route and status")      \
	X(M_STREAMS, GAUGE, "realtime_streams", "", "", "Open streams of live figures, gRPC and HTTP")        \
	X(M_WORKER_RESTARTS, COUNTER, "worker_restarts_total", "", "", "Workers that died and were started again") \
	X(M_INGEST_RESTED, COUNTER, "ingest_rest_seconds_total", "", "", "Time that storing waited so that answers could keep up") \
	X(M_LOG_DROPPED, COUNTER, "log_lines_dropped_total", "", "", "Log lines lost because stderr was blocked") \
	X(M_WORKERS, GAUGE, "workers", "", "", "Workers that serve") \
	X(M_DB_BUSY, GAUGE, "db_connections_busy", "", "", "Ready connections with a statement under way; the others are idle") \
	X(M_QUERIES_WAITING, GAUGE, "queries_waiting", "", "", "Questions that wait for a connection; at their ceiling calls are refused") \
	X(M_LAG, GAUGE_MAX, "processing_lag_seconds", "", "", "Age of the oldest stored event that no answer has yet") \
	X(M_MARKS, GAUGE_MAX, "projection_marks", "", "", "Stored batches that no answer has yet") \
	X(M_MARKS_ASIDE, GAUGE_MAX, "projection_marks_set_aside", "", "", "Stored events that cannot be projected; answers lack them, the log says why") \
	X(M_PROJECTED, COUNTER, "projected_events_total", "", "", "Events that came into the answers") \
	X(M_PROJECT_LOST, COUNTER, "projection_rows_missing_total", "", "", "Stored events that were gone when their turn came to be projected") \
	X(M_STEP, SECONDS, "projection_step_seconds", "", "", "A step of the projector: some batches, in one transaction") \
	X(M_JOB_LAST_SUCCESS, GAUGE_MAX, "job_last_success_timestamp_seconds", "job", "", "When a job last succeeded, on any replica; too long ago for its schedule: see its runs") \
	X(M_JOB_RUNS, COUNTER, "job_runs_total", "job", "result", "Runs of jobs: succeeded, failed, interrupted (run again)") \
	X(M_JOB_SECONDS, SECONDS, "job_seconds", "job", "", "How long runs of jobs took") \
	X(M_PROJECTION_REPAIRS, COUNTER, "projection_repairs_total", "table", "", "Rows of sums and counts that were found wrong and put right") \
	X(M_ANOMALIES, COUNTER, "anomalies_total", "type", "", "Quarters of an hour with far more or fewer events than at this time of earlier days") \
	X(M_RECONCILIATION_GAP, GAUGE_MAX, "reconciliation_gap_ratio", "type", "", "Share of the expected events of a day that is missing, by the last reconciliation; from 0.2 on they were lost somewhere") \
	X(M_PII_FINDINGS, GAUGE_MAX, "pii_findings", "", "", "Fields with personal data in clear, by the last audit: run pii_backfill, then pii_audit again") \
	X(M_SUPPRESSED, COUNTER, "events_suppressed_total", "", "", "Events of people who were erased, made nobody's on arrival")

#endif
