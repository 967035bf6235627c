-- What lies in each warehouse. $1 warehouses and $2 categories or NULL: all.
SELECT warehouse_id, count(DISTINCT product) AS total_products, round(sum(quantity)) AS stock_units,
    sum(value) AS stock_value, round(sum(reserved)) AS reserved_units
FROM stock_lines
WHERE ($1::text[] IS NULL OR warehouse_id = ANY ($1::text[])) AND ($2::text[] IS NULL OR category = ANY ($2::text[]))
GROUP BY warehouse_id
ORDER BY stock_units DESC, warehouse_id
LIMIT 1000
