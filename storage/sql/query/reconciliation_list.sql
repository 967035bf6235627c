-- $1 day, or NULL: the last $2 days that were looked at; $3 event type, $4 severity: NULL lets everything through.
SELECT day AS date, subject, event_type, expected, actual, gap_ratio, severity, note,
       to_char(made_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS made_at
FROM reconciliation_reports
WHERE CASE WHEN $1::date IS NULL THEN day > (SELECT max(day) FROM reconciliation_reports) - $2::integer ELSE day = $1::date END
  AND ($3::text IS NULL OR event_type = $3)
  AND ($4::text IS NULL OR severity = $4)
ORDER BY day DESC, subject, event_type
LIMIT 10000
