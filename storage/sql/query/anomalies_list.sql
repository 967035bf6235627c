-- The anomalies of the last $1 days, newest first; $2 event type: NULL lets everything through.
SELECT to_char(quarter, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS quarter, event_type, events, mean, deviation, z_score
FROM anomalies
WHERE quarter > (SELECT max(quarter) FROM anomalies) - $1::integer * interval '1 day'
  AND ($2::text IS NULL OR event_type = $2)
ORDER BY anomalies.quarter DESC, event_type
LIMIT 10000
