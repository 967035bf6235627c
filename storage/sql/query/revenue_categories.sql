-- The ten categories of the most revenue; NULL: of items that name none. $1 start and $2 end of the range.
SELECT category AS id, category AS name, money AS revenue, orders, units AS units_sold,
    100 * money / nullif(sum(money) OVER (), 0) AS percentage
FROM category_sales($1::timestamptz, $2::timestamptz)
ORDER BY money DESC, orders DESC, category
LIMIT 10
