-- storage/sql/query/ingest_events.sql
-- Stores a batch: new identities first, in the order of their keys (two batches that claim keys in
-- different orders would deadlock), then how far their entities have come, then the rows of the new
-- ones, and a mark for the projector where these are.
-- Entities are locked when all keys are claimed (the count sees to that) and in the order of their keys, so
-- nobody who holds one waits for anything but a higher one. An event is late when it is behind its entity's
-- state before this batch, or was found so within the batch.
-- Returns the keys that were not new, and those of late events.
-- $1, $2, $3: the batch's entities, sorted, none twice, with their highest sequence and latest time in it;
-- those of events that were there already move nothing, they have been counted.
-- $4: the batch, sorted by key, no key twice.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($4::event_row[])
), claimed AS (
    INSERT INTO processed_events_current (event_key, digest)
    SELECT event_key, digest FROM batch
    WHERE NOT EXISTS (SELECT FROM processed_events_older AS o WHERE o.event_key = batch.event_key)
    ORDER BY event_key
    ON CONFLICT DO NOTHING
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
    WHERE event_key IN (SELECT event_key FROM claimed)
    RETURNING event_key, is_out_of_order, created_at, tableoid AS part, ctid AS row_id
), marked AS (
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, array_agg(row_id), min(created_at), max(created_at) FROM stored GROUP BY part
)
SELECT event_key, false FROM batch WHERE event_key NOT IN (SELECT event_key FROM claimed)
UNION ALL
SELECT event_key, true FROM stored WHERE is_out_of_order
