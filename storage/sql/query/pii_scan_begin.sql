-- The scan of the kind $1 that was interrupted, or a new one.
WITH open AS (
    SELECT id FROM pii_scans WHERE kind = $1::text AND finished_at IS NULL ORDER BY id DESC LIMIT 1
), fresh AS (
    INSERT INTO pii_scans (kind) SELECT $1::text WHERE NOT EXISTS (SELECT FROM open) RETURNING id
)
SELECT id FROM open UNION ALL SELECT id FROM fresh
