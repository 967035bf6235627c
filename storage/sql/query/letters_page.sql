-- Dead letters, newest first. $1 limit, $2 below this id, $3 status, $4 code, $5 topic, $6 source, $7 type;
-- a NULL filter lets everything through. Of a large payload the beginning.
SELECT id, event_id, event_type, topic, source, error_code, error_field, error_message, left(payload, 65536),
       letter_status(status, lease_until), deliveries, retries,
       to_char(first_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), trace_id
FROM dead_letter_queue
WHERE id < coalesce($2::bigint, 9223372036854775807)
  AND ($3::text IS NULL OR letter_status(status, lease_until) = $3)
  AND ($4::text IS NULL OR error_code = $4)
  AND ($5::text IS NULL OR topic = $5)
  AND ($6::text IS NULL OR source = $6)
  AND ($7::text IS NULL OR event_type = $7)
ORDER BY id DESC
LIMIT $1::int
