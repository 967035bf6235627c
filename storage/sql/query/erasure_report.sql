-- What the erasure $1 has done so far: rows by table.
SELECT r.key, r.value
FROM erasures AS e, jsonb_each_text(e.report) AS r
WHERE e.id = $1::bigint
ORDER BY r.key
