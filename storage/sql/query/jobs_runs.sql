-- The last $2 runs of each job in $1, newest slot first; $3 (microseconds since 1970): of this slot only.
SELECT
    r.job, to_char(r.slot, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), r.day, r.state, r.by_hand, r.attempts, r.given_up, r.fence,
    r.owner, to_char(r.started_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), r.error, r.detail
FROM unnest($1::text[]) AS j (job)
CROSS JOIN LATERAL (
    SELECT * FROM job_runs r
    WHERE r.job = j.job AND ($3::bigint IS NULL OR r.slot = to_timestamp(0) + $3::bigint * interval '1 microsecond')
    ORDER BY r.slot DESC
    LIMIT $2::integer
) r
ORDER BY r.job, r.slot DESC
