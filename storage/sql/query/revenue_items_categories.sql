-- The ten categories of the most revenue, of some categories and brands. $1 start and $2 end of the range,
-- $3 categories, $4 brands.
SELECT category AS id, category AS name, coalesce(sum(money), 0) AS revenue, count(DISTINCT order_id) AS orders,
    sum(quantity) AS units_sold, 100 * coalesce(sum(money), 0) / nullif(sum(sum(money)) OVER (), 0) AS percentage
FROM lines_of($1::timestamptz, $2::timestamptz, $3::text[], $4::text[])
GROUP BY category
ORDER BY 3 DESC, 4 DESC, 1
LIMIT 10
