-- Gives up pending letters; the filters are letters_claim's.
UPDATE dead_letter_queue
SET status = 'discarded', next_retry_at = NULL, claimed_by = NULL, lease_until = NULL
WHERE status IN ('pending', 'retrying') AND letter_status(status, lease_until) = 'pending'
  AND ($1::bigint[] IS NULL OR id = ANY ($1::bigint[]))
  AND ($2::text IS NULL OR error_code = $2)
  AND ($3::text IS NULL OR topic = $3)
  AND ($4::text IS NULL OR source = $4)
  AND ($5::text IS NULL OR event_type = $5)
