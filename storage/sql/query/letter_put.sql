-- Keeps rejected events, one row a key however often it comes, also within one batch. In the order of
-- their keys, so that two batches cannot deadlock.
INSERT INTO dead_letter_queue AS q (
    letter_key, first_seen, last_seen, deliveries,
    event_id, event_type, topic, source, trace_id, error_code, error_field, error_message, payload)
SELECT DISTINCT ON (letter_key)
    letter_key, min(received_at) OVER same, max(received_at) OVER same, count(*) OVER same,
    event_id, event_type, topic, source, trace_id, error_code, error_field, error_message, payload
FROM unnest($1::letter_row[])
WINDOW same AS (PARTITION BY letter_key)
ORDER BY letter_key, received_at
ON CONFLICT (letter_key) DO UPDATE SET
    deliveries = q.deliveries + excluded.deliveries,
    last_seen = greatest(q.last_seen, excluded.last_seen)
