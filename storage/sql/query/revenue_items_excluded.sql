-- Items of orders without a rate on their day, which are in no money figure. $1 start and $2 end of the range,
-- $3 categories, $4 brands.
SELECT s.currency, coalesce(sum(i.quantity * i.price), 0) AS amount, count(DISTINCT s.order_id) AS orders
FROM sales s
CROSS JOIN LATERAL jsonb_to_recordset(s.items) AS i (category text, brand text, quantity numeric, price numeric)
WHERE s.at >= $1::timestamptz AND s.at < $2::timestamptz AND s.rate IS NULL
    AND ($3::text[] IS NULL OR coalesce(i.category, '') = ANY ($3::text[]))
    AND ($4::text[] IS NULL OR coalesce(i.brand, '') = ANY ($4::text[]))
GROUP BY s.currency
ORDER BY s.currency
