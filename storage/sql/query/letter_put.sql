-- Keeps rejected events, one row a key however often it comes, also within one batch. In the order of
-- their keys, so that two batches cannot deadlock. What was resolved and is rejected now is pending again.
INSERT INTO dead_letter_queue AS q (
    letter_key, first_seen, last_seen, deliveries, next_retry_at,
    event_id, event_type, topic, source, trace_id, error_code, error_field, error_message, payload)
SELECT DISTINCT ON (letter_key)
    letter_key, min(received_at) OVER same, max(received_at) OVER same, count(*) OVER same,
    letter_next_retry(error_code, 0),
    event_id, event_type, topic, source, trace_id, error_code, error_field, error_message, payload
FROM unnest($1::letter_row[])
WINDOW same AS (PARTITION BY letter_key)
ORDER BY letter_key, received_at
ON CONFLICT (letter_key) DO UPDATE SET
    deliveries = q.deliveries + excluded.deliveries,
    last_seen = greatest(q.last_seen, excluded.last_seen),
    status = CASE q.status WHEN 'resolved' THEN 'pending' ELSE q.status END,
    next_retry_at = CASE q.status WHEN 'resolved' THEN excluded.next_retry_at ELSE q.next_retry_at END,
    error_code = CASE q.status WHEN 'resolved' THEN excluded.error_code ELSE q.error_code END,
    error_field = CASE q.status WHEN 'resolved' THEN excluded.error_field ELSE q.error_field END,
    error_message = CASE q.status WHEN 'resolved' THEN excluded.error_message ELSE q.error_message END,
    payload = CASE q.status WHEN 'resolved' THEN excluded.payload ELSE q.payload END
