-- Claims the next pending letters above $3 for $1 (who), at most $2 of them, for a minute. Those that another
-- holds are passed over, so that replicas share. $4 ids, $5 code, $6 topic, $7 source, $8 type: NULL lets
-- everything through; $9: only those that are due by themselves.
UPDATE dead_letter_queue AS q
SET status = 'retrying', claimed_by = $1::text, lease_until = now() + interval '1 minute'
FROM (
    SELECT id FROM dead_letter_queue
    WHERE id > $3::bigint
      AND status IN ('pending', 'retrying') AND letter_status(status, lease_until) = 'pending'
      AND ($4::bigint[] IS NULL OR id = ANY ($4::bigint[]))
      AND ($5::text IS NULL OR error_code = $5)
      AND ($6::text IS NULL OR topic = $6)
      AND ($7::text IS NULL OR source = $7)
      AND ($8::text IS NULL OR event_type = $8)
      AND (NOT $9::boolean OR next_retry_at <= now())
    ORDER BY id
    LIMIT $2::int
    FOR UPDATE SKIP LOCKED
) AS mine
WHERE q.id = mine.id
RETURNING q.id, q.letter_key, (extract(epoch FROM q.first_seen) * 1000000)::bigint, q.error_code, q.payload
