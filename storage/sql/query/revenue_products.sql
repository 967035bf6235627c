-- The ten products of the most revenue. $1 start and $2 end of the range.
SELECT s.product_id AS id, p.name, s.money AS revenue, s.orders, s.units AS units_sold, s.percentage
FROM (
    SELECT *, 100 * money / nullif(sum(money) OVER (), 0) AS percentage
    FROM product_sales($1::timestamptz, $2::timestamptz)
    ORDER BY money DESC, orders DESC, product_id
    LIMIT 10
) s LEFT JOIN products p USING (product_id)
ORDER BY s.money DESC, s.orders DESC, s.product_id
