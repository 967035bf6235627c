-- How far the entities of what was claimed have come, then its rows.
tracked AS (
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
