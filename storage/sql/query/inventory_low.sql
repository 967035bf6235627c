-- Products at or under their minimum stock, the most urgent first: how long they last at the pace of the range.
-- $1 start and $2 end of the range, $3 zone, $4 warehouses and $5 categories or NULL: all. What each warehouse sold
-- is not known: of some of them there is no pace.
WITH product AS (
    SELECT product, min(product_id) AS product_id, min(name) AS name, min(product_sku) AS sku,
        sum(quantity) AS quantity, sum(minimum_stock) AS minimum_stock
    FROM stock_lines
    WHERE ($4::text[] IS NULL OR warehouse_id = ANY ($4::text[])) AND ($5::text[] IS NULL OR category = ANY ($5::text[]))
    GROUP BY product
    HAVING sum(quantity) <= sum(minimum_stock)
), range AS (
    SELECT (($2::timestamptz - interval '1 microsecond') AT TIME ZONE $3::text)::date
        - ($1::timestamptz AT TIME ZONE $3::text)::date + 1 AS days
)
SELECT p.product_id, p.name, p.sku, round(p.quantity) AS current_stock, round(p.minimum_stock) AS minimum_stock,
    CASE WHEN NOT EXISTS (SELECT FROM stock WHERE warehouse_id <> ALL ($4::text[])) THEN (p.quantity / nullif(u.units / r.days, 0))::float8 END AS days_of_supply
FROM product p
CROSS JOIN range r
LEFT JOIN units_sold($1::timestamptz, $2::timestamptz) u ON u.product_id = p.product
ORDER BY days_of_supply, p.quantity / nullif(p.minimum_stock, 0), p.product
LIMIT 1000
