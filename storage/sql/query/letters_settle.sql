-- Records what became of the letters that $1 has claimed; a claim that was lost meanwhile changes nothing.
-- $2: [{"id", "fate": stored, duplicate, rejected, not_retryable or unavailable, "code", "field", "message"}]
UPDATE dead_letter_queue AS q
SET status = CASE WHEN o.fate IN ('stored', 'duplicate') THEN 'resolved' ELSE 'pending' END,
    retries = q.retries + (o.fate IN ('stored', 'duplicate', 'rejected'))::int,
    error_code = coalesce(o.code, q.error_code),
    error_field = coalesce(o.field, q.error_field),
    error_message = coalesce(o.message, q.error_message),
    next_retry_at = CASE o.fate WHEN 'rejected' THEN letter_next_retry(o.code, q.retries + 1)
                                WHEN 'unavailable' THEN q.next_retry_at END,
    claimed_by = NULL,
    lease_until = NULL
FROM jsonb_to_recordset($2::jsonb) AS o(id bigint, fate text, code text, field text, message text)
WHERE q.id = o.id AND q.claimed_by = $1::text
