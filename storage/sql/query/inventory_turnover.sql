-- Stock of each category: how often it was sold over in the range, and how long it lasts at that pace.
-- $1 start and $2 end of the range, $3 zone, $4 warehouses and $5 categories or NULL: all. What each warehouse sold
-- is not known: of some of them there is no turnover and no pace.
WITH line AS MATERIALIZED (
    SELECT *
    FROM stock_lines
    WHERE ($4::text[] IS NULL OR warehouse_id = ANY ($4::text[])) AND ($5::text[] IS NULL OR category = ANY ($5::text[]))
), part AS (
    SELECT l.category, l.quantity, l.value, a.quantity AS average, NULL::numeric AS units
    FROM line l LEFT JOIN average_stock($1::timestamptz, $2::timestamptz) a USING (sku, warehouse_id)
    UNION ALL
    SELECT p.category, NULL, NULL, NULL, u.units
    FROM (SELECT DISTINCT product, category FROM line) p
    JOIN units_sold($1::timestamptz, $2::timestamptz) u ON u.product_id = p.product
    WHERE NOT EXISTS (SELECT FROM stock WHERE warehouse_id <> ALL ($4::text[]))
), total AS (
    SELECT category, sum(quantity) AS quantity, sum(value) AS value, sum(average) AS average,
        coalesce(sum(units), 0)::float8 AS units
    FROM part
    GROUP BY category
), range AS (
    SELECT (($2::timestamptz - interval '1 microsecond') AT TIME ZONE $3::text)::date
        - ($1::timestamptz AT TIME ZONE $3::text)::date + 1 AS days
)
SELECT t.category,
    CASE WHEN NOT EXISTS (SELECT FROM stock WHERE warehouse_id <> ALL ($4::text[])) THEN t.units / nullif(t.average, 0) END
        AS turnover_rate,
    t.quantity::float8 / nullif(t.units / r.days, 0) AS days_of_supply,
    t.value AS stock_value
FROM total t, range r
ORDER BY stock_value DESC NULLS LAST, t.category
LIMIT 1000
