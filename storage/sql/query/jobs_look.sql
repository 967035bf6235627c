-- Of each job in $1, in order: the last settled slot, whether it has to wait (it runs, or failed just now), and
-- when it last succeeded; microseconds and seconds since 1970.
SELECT
    (extract(epoch FROM settled.slot) * 1000000)::bigint,
    EXISTS (SELECT FROM job_runs r WHERE r.job = j.job AND r.state = 'started' AND r.lease_until >= clock_timestamp())
        OR EXISTS (SELECT FROM job_runs r WHERE r.job = j.job AND r.slot > settled.slot AND r.state = 'failed'
                   AND NOT r.by_hand AND r.retry_at > clock_timestamp()),
    extract(epoch FROM good.finished_at)
FROM unnest($1::text[]) WITH ORDINALITY AS j (job, n)
LEFT JOIN LATERAL (
    SELECT slot FROM job_runs r
    WHERE r.job = j.job AND NOT r.by_hand AND (r.state IN ('succeeded', 'skipped') OR r.given_up)
    ORDER BY slot DESC LIMIT 1
) settled ON true
LEFT JOIN LATERAL (
    SELECT finished_at FROM job_runs r WHERE r.job = j.job AND r.state = 'succeeded'
    ORDER BY finished_at DESC LIMIT 1
) good ON true
ORDER BY j.n
