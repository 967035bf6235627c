-- Tables for what the service is compared with: bench_copy and bench_rows are analytics_events again, with
-- the same partitions and indexes; bench_row_ids is a deduplication table as a row-by-row service keeps it.
SELECT ensure_events_month(t) FROM unnest(ARRAY[now(), now() - interval '1 hour']) AS t;
TRUNCATE projection_marks; -- what another run left to be projected is no load of this one
DROP TABLE IF EXISTS bench_copy, bench_rows, bench_row_ids;
CREATE TABLE bench_copy (LIKE analytics_events INCLUDING ALL) PARTITION BY RANGE (created_at);
CREATE TABLE bench_rows (LIKE analytics_events INCLUDING ALL) PARTITION BY RANGE (created_at);
CREATE TABLE bench_row_ids (event_id text PRIMARY KEY, processed_at timestamptz NOT NULL DEFAULT now());
DO $$
DECLARE
    part record;
    twin text;
BEGIN
    FOR part IN SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
                FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'analytics_events'::regclass
    LOOP
        FOREACH twin IN ARRAY ARRAY['bench_copy', 'bench_rows'] LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF %I %s',
                           replace(part.relname, 'analytics_events', twin), twin, part.bound);
        END LOOP;
    END LOOP;
END
$$;
