-- Stores a batch: new identities first, in the order of their keys (two batches that claim keys in
-- different orders would deadlock), then the rows of the new ones. Returns the keys that were not new.
-- $1: the batch, sorted by key, no key twice.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($1::event_row[])
), claimed AS (
    INSERT INTO processed_events (event_key, digest)
    SELECT event_key, digest FROM batch ORDER BY event_key
    ON CONFLICT DO NOTHING
    RETURNING event_key
), stored AS (
    INSERT INTO analytics_events (
        event_key, created_at, received_at, event_type, event_id, event_source, schema_version, trace_id,
        cart_id, session_id, customer_id, order_id, product_id, amount, currency, status,
        ip_address, user_agent, email, pii_key_id, items, properties)
    SELECT
        event_key, created_at, received_at, event_type, event_id, event_source, schema_version, trace_id,
        cart_id, session_id, customer_id, order_id, product_id, amount, currency, status,
        ip_address, user_agent, email, pii_key_id, items, properties
    FROM batch
    WHERE event_key IN (SELECT event_key FROM claimed)
)
SELECT event_key FROM batch WHERE event_key NOT IN (SELECT event_key FROM claimed)
