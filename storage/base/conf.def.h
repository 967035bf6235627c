/* storage/base/conf.def.h -- every setting: one row each. The rows make the struct, the parser, the
 * range errors, `--help` and the flag (the name in lower case with dashes: --http-port).
 *   U: unsigned   X(field, NAME, default, min, max, unit, help)
 *   S: string     X(field, NAME, default, help)
 *   K: secret     X(field, NAME, help)    also NAME_FILE; never printed */
#ifndef STORAGE_BASE_CONF_DEF_H
#define STORAGE_BASE_CONF_DEF_H

#define CONF_UINTS(X)                                                                               \
	X(grpc_port, GRPC_PORT, 9017, 1, 65535, "", "gRPC listens here")                           \
	X(http_port, HTTP_PORT, 8017, 1, 65535, "", "HTTP listens here")                           \
	X(http_request_sec, HTTP_REQUEST_SEC, 60, 1, 3600, "s", "a connection that takes longer to send a request is hung up") \
	X(workers, WORKERS, 0, 0, 256, "processes", "reactors; 0: the CPUs the cgroup grants")     \
	X(db_port, DB_PORT, 5432, 1, 65535, "", "PostgreSQL's port")                               \
	X(db_max_open_conns, DB_MAX_OPEN_CONNS, 50, 2, 10000, "connections", "ceiling for all workers together") \
	X(db_max_idle_conns, DB_MAX_IDLE_CONNS, 10, 0, 10000, "connections", "idle ones kept, all workers together") \
	X(db_conn_max_lifetime_sec, DB_CONN_MAX_LIFETIME_SEC, 300, 1, 86400, "s", "a connection is replaced after") \
	X(db_conn_max_idle_time_sec, DB_CONN_MAX_IDLE_TIME_SEC, 60, 1, 86400, "s", "an idle connection is closed after") \
	X(db_connect_timeout_sec, DB_CONNECT_TIMEOUT_SEC, 5, 2, 60, "s", "to connect, TLS and log-in included") \
	X(db_statement_timeout_ms, DB_STATEMENT_TIMEOUT_MS, 10000, 100, 600000, "ms", "a statement without an answer after this is given up") \
	X(breaker_failures, BREAKER_FAILURES, 5, 1, 1000, "failures", "of PostgreSQL in a row, then calls are refused at once") \
	X(breaker_open_ms, BREAKER_OPEN_MS, 30000, 10, 3600000, "ms", "until a probe finds out whether it is back") \
	X(retention_days, RETENTION_DAYS, 90, 1, 36500, "days", "older events are refused, and archived once stored") \
	X(ingest_conns, INGEST_CONNS, 3, 1, 64, "connections", "a worker's connections for storing events") \
	X(ingest_batch_rows, INGEST_BATCH_ROWS, 1000, 1, 20000, "rows", "at most this many in one statement") \
	X(ingest_queue_mib, INGEST_QUEUE_MIB, 64, 1, 65536, "MiB", "a worker's events in memory; beyond it calls are refused") \
	X(dedup_entries, DEDUP_ENTRIES, 100000, 4, 10000000, "identities", "that a worker remembers as stored, so that PostgreSQL need not be asked") \
	X(dedup_window_sec, DEDUP_WINDOW_SEC, 86400, 1, 31536000, "s", "for so long; after that PostgreSQL is asked again") \
	X(sequence_tracking, SEQUENCE_TRACKING, 1, 0, 1, "", "1: events behind their entity's last one are marked is_out_of_order; 0: not looked for") \
	X(identity_generation_mib, IDENTITY_GENERATION_MIB, 2048, 1, 1048576, "MiB", "of identities, then a new generation takes them; the older ones are only read") \
	X(identity_generation_days, IDENTITY_GENERATION_DAYS, 30, 1, 36500, "days", "after which a generation takes no more, whatever its size") \
	X(realtime_streams, REALTIME_STREAMS, 200, 0, 100000, "streams", "of live figures open in a worker; beyond it they are refused") \
	X(projector, PROJECTOR, 1, 0, 1, "", "1: stored events are made into answers; 0: by others, or not at all") \
	X(query_timeout_ms, QUERY_TIMEOUT_MS, 10000, 10, 600000, "ms", "a query's deadline when the caller names none") \
	X(jobs, JOBS, 1, 0, 1, "", "0: serve runs no jobs, as --no-jobs") \
	X(job_lease_sec, JOB_LEASE_SEC, 30, 2, 3600, "s", "a job's run that is not heard of for so long is taken over") \
	X(job_statement_timeout_ms, JOB_STATEMENT_TIMEOUT_MS, 3600000, 1000, 3600000, "ms", "a statement of a job is given up after this") \
	X(drain_ms, DRAIN_MS, 10000, 100, 600000, "ms", "to finish what was taken at SIGTERM")

#define CONF_STRINGS(X)                                                                             \
	X(listen_address, LISTEN_ADDRESS, "0.0.0.0", "address both ports bind to")                 \
	X(db_host, DB_HOST, "localhost", "PostgreSQL's host, or a directory with its socket")      \
	X(db_name, DB_NAME, "analytics", "database")                                               \
	X(db_user, DB_USER, "analytics", "role")                                                   \
	X(db_sslmode, DB_SSLMODE, "disable", "libpq's sslmode: disable, prefer, require, verify-ca, verify-full") \
	X(log_level, LOG_LEVEL, "info", "debug, info, warn or error")                              \
	X(business_timezone, BUSINESS_TIMEZONE, "UTC", "IANA zone of the business day")            \
	X(reporting_currency, REPORTING_CURRENCY, "USD", "ISO 4217 code all money is answered in") \
	X(order_service_addr, ORDER_SERVICE_ADDR, "", "host:port of the order service, which reconciliation asks for its own count; empty: not asked") \
	X(pii_hmac_key_id, PII_HMAC_KEY_ID, "k1", "name of the key below; stored beside what it made")

#define CONF_SECRETS(X)                                                                             \
	X(db_password, DB_PASSWORD, "the role's password")                                         \
	X(pii_hmac_key, PII_HMAC_KEY, "key that pseudonymizes e-mail addresses and user agents; id:key names it; SIGHUP reads its file again") \
	X(pii_hmac_old_keys, PII_HMAC_OLD_KEYS, "keys of before as id:key,id:key; with them erased people are known whose rows they made")

#endif
