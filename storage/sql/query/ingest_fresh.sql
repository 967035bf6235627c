-- Stores a batch as ingest_events does, on the guess that every identity in it is new: no row is checked for
-- being there already, which is a good part of that statement's work. Where the guess is wrong it fails with
-- a unique violation and stores nothing.
-- Parameters as there; returns a row for each late event.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($4::event_row[])
), claimed AS (
    INSERT INTO processed_events_current (event_key, digest)
    SELECT event_key, digest FROM batch
    WHERE CASE WHEN EXISTS (SELECT FROM processed_events_older AS o WHERE o.event_key = batch.event_key)
               THEN identity_is_taken() ELSE true END
    ORDER BY event_key
    RETURNING event_key
), tracked AS (
    INSERT INTO event_sequence_tracking AS t (entity_key, last_sequence, last_time)
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[])
    WHERE (SELECT count(*) FROM claimed) > 0
    ON CONFLICT (entity_key) DO UPDATE SET
        previous_sequence = t.last_sequence, last_sequence = greatest(t.last_sequence, excluded.last_sequence),
        previous_time = t.last_time, last_time = greatest(t.last_time, excluded.last_time),
        touched_on = excluded.touched_on
    RETURNING entity_key, previous_sequence, previous_time
), stored AS (
    INSERT INTO analytics_events (
        event_key, created_at, received_at, is_out_of_order, event_type, event_id, event_source, schema_version,
        trace_id, cart_id, session_id, customer_id, order_id, product_id, amount, currency, status,
        ip_address, user_agent, email, pii_key_id, items, properties)
    SELECT
        event_key, created_at, received_at,
        is_out_of_order OR CASE WHEN sequence IS NULL THEN created_at < previous_time IS TRUE
                                ELSE sequence < previous_sequence IS TRUE END,
        event_type, event_id, event_source, schema_version,
        trace_id, cart_id, session_id, customer_id, order_id, product_id, amount, currency, status,
        ip_address, user_agent, email, pii_key_id, items, properties
    FROM batch LEFT JOIN tracked USING (entity_key)
    RETURNING is_out_of_order, created_at, tableoid AS part, ctid AS row_id
), marked AS (
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, array_agg(row_id), min(created_at), max(created_at) FROM stored GROUP BY part
)
SELECT NULL::uuid, true FROM stored WHERE is_out_of_order
