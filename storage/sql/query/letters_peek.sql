-- What letters_claim would take, without taking it, and the stored digest of the identity if there is one.
-- $1 is not used; the others are letters_claim's.
SELECT q.id, q.letter_key, (extract(epoch FROM q.first_seen) * 1000000)::bigint, q.error_code, q.payload, p.digest
FROM dead_letter_queue AS q
LEFT JOIN processed_events AS p ON p.event_key = q.letter_key
WHERE ($1::text IS NULL OR true)
  AND q.id > $3::bigint
  AND q.status IN ('pending', 'retrying') AND letter_status(q.status, q.lease_until) = 'pending'
  AND ($4::bigint[] IS NULL OR q.id = ANY ($4::bigint[]))
  AND ($5::text IS NULL OR q.error_code = $5)
  AND ($6::text IS NULL OR q.topic = $6)
  AND ($7::text IS NULL OR q.source = $7)
  AND ($8::text IS NULL OR q.event_type = $8)
  AND (NOT $9::boolean OR q.next_retry_at <= now())
ORDER BY q.id
LIMIT $2::int
