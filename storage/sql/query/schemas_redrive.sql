-- The letters that wait for version $2 (v3) of topic $1 are due. A payload is JSON of our own making, without
-- blanks: the version stands in it in one of the forms it may be sent in.
UPDATE dead_letter_queue
SET next_retry_at = now()
WHERE status IN ('pending', 'retrying')
  AND error_code = 'UNSUPPORTED_SCHEMA_VERSION'
  AND topic = $1::text
  AND payload ~ ('"schema_version":("v?' || substr($2::text, 2) || '"|"?' || substr($2::text, 2) || '(\.0)?"?)[,}]')
