-- What lies in the warehouses asked for, and how often it was sold over in the range.
-- $1 start and $2 end of the range, $3 warehouses and $4 categories or NULL: all. What each warehouse sold is not
-- known: of some of them there is no turnover.
WITH line AS MATERIALIZED (
    SELECT *
    FROM stock_lines
    WHERE ($3::text[] IS NULL OR warehouse_id = ANY ($3::text[])) AND ($4::text[] IS NULL OR category = ANY ($4::text[]))
), product AS (
    SELECT product, sum(quantity) AS quantity, sum(minimum_stock) AS minimum_stock
    FROM line
    GROUP BY product
)
SELECT
    count(*) AS total_products,
    coalesce(round(sum(quantity)), 0) AS total_stock_units,
    (SELECT sum(value) FROM line) AS total_stock_value,
    count(*) FILTER (WHERE quantity <= 0) AS out_of_stock_products,
    count(*) FILTER (WHERE quantity <= minimum_stock) AS low_stock_products,
    CASE WHEN NOT EXISTS (SELECT FROM stock WHERE warehouse_id <> ALL ($3::text[])) THEN
        (SELECT coalesce(sum(units), 0)::float8
         FROM units_sold($1::timestamptz, $2::timestamptz)
         WHERE product_id IN (SELECT product FROM line))
        / nullif((SELECT sum(a.quantity)
                  FROM average_stock($1::timestamptz, $2::timestamptz) a JOIN line l USING (sku, warehouse_id)), 0)
    END AS average_turnover_rate
FROM product
