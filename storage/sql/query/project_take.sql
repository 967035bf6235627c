-- Takes the oldest marks, at most $1 of them and about $2 rows, and copies their rows to where the step's other
-- statements read them; nothing while somebody else projects.
-- Marks that another took after this statement's snapshot are passed over: they are gone when it gets to them.
-- Returns: is it our turn, marks, the first one's id, rows that they name, rows that came.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(7023194586012448) AS ours
), oldest AS (
    SELECT id, sum(cardinality(row_ids)) OVER (ORDER BY id) - cardinality(row_ids) AS rows_before
    FROM (
        SELECT id, row_ids FROM projection_marks
        WHERE NOT set_aside AND (SELECT ours FROM turn)
        ORDER BY id
        LIMIT $1::int
    ) m
), taken AS (
    DELETE FROM projection_marks
    WHERE id = ANY (ARRAY(SELECT id FROM oldest WHERE rows_before < $2::int))
    RETURNING id, part, row_ids
), copied AS (
    INSERT INTO projecting
    SELECT
        e.created_at, (date_part('epoch', e.created_at) * 1000000)::bigint, (e.created_at AT TIME ZONE b.zone)::date,
        e.event_key, e.event_type,
        array_position('{page_view,product_view,add_to_cart,checkout,purchase}'::text[], e.event_type),
        e.session_id, e.customer_id, e.order_id, e.product_id, e.amount, e.currency, e.status, e.items, e.properties
    FROM taken t CROSS JOIN LATERAL events_at(t.part, t.row_ids) e CROSS JOIN reporting_basis b
    RETURNING 1
)
SELECT (SELECT ours FROM turn), count(*), min(id), coalesce(sum(cardinality(row_ids)), 0), (SELECT count(*) FROM copied)
FROM taken
