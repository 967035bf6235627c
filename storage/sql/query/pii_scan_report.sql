-- The last finished scan of the kind $1: a row a table and column with findings, or one without.
SELECT s.rows, s.rewritten, s.left_alone, to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(s.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), t.key, c.key, c.value
FROM (SELECT * FROM pii_scans WHERE kind = $1::text AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1) AS s
LEFT JOIN jsonb_each(s.findings) AS t ON true
LEFT JOIN jsonb_each_text(t.value) AS c ON true
ORDER BY t.key, c.key
