-- Jobs that were never due: from their last slot ($2 of $1, seconds since 1970) on they are.
INSERT INTO job_runs (job, slot, state)
SELECT b.job, to_timestamp(b.slot), 'skipped'
FROM unnest($1::text[], $2::bigint[]) AS b (job, slot)
WHERE NOT EXISTS (SELECT FROM job_runs r WHERE r.job = b.job AND NOT r.by_hand)
ON CONFLICT DO NOTHING
