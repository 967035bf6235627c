-- Runs of $1 of more than a year ago; the newest settled one stays: the next slot is counted from it.
DELETE FROM job_runs
WHERE job = $1 AND slot < now() - interval '1 year'
  AND slot < (SELECT max(slot) FROM job_runs WHERE job = $1 AND NOT by_hand AND (state <> 'failed' OR given_up))
