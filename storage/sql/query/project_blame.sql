-- A mark that fails by itself ($1): its rows are tried in two halves, before all others; a single row that has
-- failed three times is set aside. Returns whether that is so, if it was a single row.
WITH whole AS (
    DELETE FROM projection_marks
    WHERE id = $1::bigint AND events > 1
    RETURNING made_at, part, row_ids, from_at, to_at, events / 2 AS half
), halves AS (
    INSERT INTO projection_marks (id, made_at, part, row_ids, from_at, to_at)
    OVERRIDING SYSTEM VALUE
    SELECT -nextval('projection_marks_id_seq'), made_at, part, row_ids[half + 1:], from_at, to_at FROM whole
    UNION ALL
    SELECT -nextval('projection_marks_id_seq'), made_at, part, row_ids[:half], from_at, to_at FROM whole
)
UPDATE projection_marks
SET attempts = attempts + 1, set_aside = attempts >= 2
WHERE id = $1::bigint AND events = 1
RETURNING set_aside
