-- The ten products of the most revenue, of some categories and brands. $1 start and $2 end of the range, $3 categories,
-- $4 brands.
SELECT s.product_id AS id, p.name, s.money AS revenue, s.orders, s.units AS units_sold, s.percentage
FROM (
    SELECT product_id, coalesce(sum(money), 0) AS money, count(DISTINCT order_id) AS orders, sum(quantity) AS units,
        100 * coalesce(sum(money), 0) / nullif(sum(sum(money)) OVER (), 0) AS percentage
    FROM lines_of($1::timestamptz, $2::timestamptz, $3::text[], $4::text[])
    GROUP BY product_id
    ORDER BY 2 DESC, 3 DESC, 1
    LIMIT 10
) s LEFT JOIN products p USING (product_id)
ORDER BY s.money DESC, s.orders DESC, s.product_id
