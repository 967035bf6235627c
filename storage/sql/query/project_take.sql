-- Takes the oldest marks, at most $1 of them and about $2 rows, and copies their rows to where the
-- step's other statements read them; nothing while somebody else projects.
-- Marks that another took after this statement's snapshot are passed over: they are gone when it gets to them.
-- Returns: is it our turn, marks, the first one's id, rows that they name, rows that came.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(7023194586012448) AS ours
), oldest AS (
    SELECT id, sum(events) OVER (ORDER BY id) - events AS rows_before
    FROM (
        SELECT id, events FROM projection_marks
        WHERE NOT set_aside AND (SELECT ours FROM turn)
        ORDER BY id
        LIMIT $1::int
    ) m
), taken AS (
    DELETE FROM projection_marks
    WHERE id = ANY (ARRAY(SELECT id FROM oldest WHERE rows_before < $2::int))
    RETURNING id, part, row_ids, events
), kept AS (
    -- For a rebuild that is under way.
    INSERT INTO rebuild_marks (id, part, row_ids, lo, hi)
    SELECT id, part, row_ids, (SELECT min(r) FROM unnest(row_ids) r), (SELECT max(r) FROM unnest(row_ids) r)
    FROM taken
    WHERE EXISTS (SELECT FROM rebuilds WHERE NOT disturbed AND touched_at > now() - interval '10 minutes')
), copied AS MATERIALIZED (
    SELECT take_events(part, array_agg(row_id)) AS rows
    FROM taken CROSS JOIN LATERAL unnest(row_ids) AS row_id
    GROUP BY part
)
SELECT (SELECT ours FROM turn), count(*), min(id), coalesce(sum(events), 0),
    coalesce((SELECT sum(rows) FROM copied), 0)
FROM taken
