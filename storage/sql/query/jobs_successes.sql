-- When each job in $1 last succeeded.
SELECT j.job, to_char(max(r.finished_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM unnest($1::text[]) AS j (job)
JOIN job_runs r ON r.job = j.job AND r.state = 'succeeded'
GROUP BY 1
