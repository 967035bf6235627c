-- Stores a batch of one event as ingest_fresh does, without what only many need.
-- $1 to $26: event_row's attributes; an event whose order of arrival does not count has no entity ($6).
-- Returns a row when the event is late.
WITH claimed AS (
    INSERT INTO processed_events_current (event_key, digest)
    SELECT $1::uuid, $2::uuid
    WHERE CASE WHEN EXISTS (SELECT FROM processed_events_older WHERE event_key = $1::uuid)
               THEN identity_is_taken() ELSE true END
    RETURNING 1
), tracked AS (
    INSERT INTO event_sequence_tracking AS t (entity_key, last_sequence, last_time)
    SELECT $6::uuid, $7::bigint, CASE WHEN $7::bigint IS NULL THEN $3::timestamptz END
    FROM claimed WHERE $6::uuid IS NOT NULL
    ON CONFLICT (entity_key) DO UPDATE SET
        previous_sequence = t.last_sequence, last_sequence = greatest(t.last_sequence, excluded.last_sequence),
        previous_time = t.last_time, last_time = greatest(t.last_time, excluded.last_time),
        touched_on = excluded.touched_on
    RETURNING CASE WHEN $7::bigint IS NULL THEN $3::timestamptz < previous_time
                   ELSE $7::bigint < previous_sequence END AS late
), stored AS (
    INSERT INTO analytics_events (
        event_key, created_at, received_at, is_out_of_order, event_type, event_id, event_source, schema_version,
        trace_id, cart_id, session_id, customer_id, order_id, product_id, amount, currency, status,
        ip_address, user_agent, email, pii_key_id, items, properties)
    SELECT
        $1::uuid, $3::timestamptz, $4::timestamptz, $5::boolean OR coalesce((SELECT late FROM tracked), false),
        $8::text, $9::text, $10::text, $11::text, $12::text, $13::text, $14::text, $15::text, $16::text, $17::text,
        $18::numeric, $19::text, $20::text, $21::text, $22::text, $23::text, $24::text, $25::jsonb, $26::jsonb
    FROM claimed
    RETURNING is_out_of_order, created_at, tableoid AS part, ctid AS row_id
), marked AS (
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, ARRAY[row_id], created_at, created_at FROM stored
)
SELECT NULL::uuid, true FROM stored WHERE is_out_of_order
