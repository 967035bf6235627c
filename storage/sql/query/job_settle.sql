-- $1 job, $2 slot, $3 fencing number; $4 succeeded, failed, or released: given back as if it had not been tried;
-- $5 error, $6 detail, $7 attempts at most. What failed is tried again half a minute later, then a minute, ...
UPDATE job_runs
SET state = CASE $4::text WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
    attempts = attempts - CASE $4 WHEN 'released' THEN 1 ELSE 0 END,
    given_up = $4 <> 'succeeded' AND (by_hand OR ($4 = 'failed' AND attempts >= $7::integer)),
    retry_at = CASE $4 WHEN 'released' THEN clock_timestamp()
                       WHEN 'failed' THEN clock_timestamp() + interval '30 seconds' * power(2, attempts - 1) END,
    finished_at = clock_timestamp(), error = $5, detail = $6::jsonb
WHERE job = $1 AND slot = $2::timestamptz AND fence = $3::bigint AND state = 'started'
RETURNING given_up
