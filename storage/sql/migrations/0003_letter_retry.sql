-- Dead letters are retried: by hand, and by themselves where time or a newly registered schema can heal them.
-- A letter being retried is claimed: whoever claims it holds it until lease_until.
ALTER TABLE dead_letter_queue
    ADD COLUMN claimed_by    text,
    ADD COLUMN lease_until   timestamptz,
    ADD COLUMN next_retry_at timestamptz;   -- NULL: not by itself

-- When a letter is due again: 5 minutes, doubled with each try up to a day, ten tries in all.
CREATE FUNCTION letter_next_retry(error_code text, retries integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN error_code IN ('UNKNOWN_EVENT_TYPE', 'UNSUPPORTED_SCHEMA_VERSION') AND retries < 10
                THEN now() + least(interval '5 minutes' * power(2, retries), interval '24 hours') END
$$;

-- pending, retrying, resolved or discarded. A claim whose holder has died is pending again.
CREATE FUNCTION letter_status(status text, lease_until timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN status = 'retrying' AND lease_until < now() THEN 'pending' ELSE status END
$$;

UPDATE dead_letter_queue SET next_retry_at = letter_next_retry(error_code, retries) WHERE status = 'pending';

CREATE INDEX dead_letter_queue_due ON dead_letter_queue (next_retry_at)
    WHERE next_retry_at IS NOT NULL AND status IN ('pending', 'retrying');
