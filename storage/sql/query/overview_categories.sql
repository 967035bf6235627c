-- What was sold by category; NULL: of items that name none. $1 start and $2 end of the range.
SELECT category, money AS revenue, orders, 100 * money / nullif(sum(money) OVER (), 0) AS percentage
FROM category_sales($1::timestamptz, $2::timestamptz)
ORDER BY money DESC, orders DESC, category
