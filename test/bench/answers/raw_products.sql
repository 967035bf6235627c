-- Products from raw rows. $1 start, $2 end.
SELECT product_id, sum(views), sum(adds), sum(units), sum(money)
FROM (
    SELECT product_id, (event_type = 'product_view')::int AS views, (event_type = 'add_to_cart')::int AS adds, 0 AS units, 0 AS money
    FROM analytics_events
    WHERE event_type IN ('product_view', 'add_to_cart') AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
    UNION ALL
    SELECT i.product_id, 0, 0, i.quantity, i.quantity * i.price
    FROM analytics_events e, jsonb_to_recordset(e.items) AS i (product_id text, quantity numeric, price numeric)
    WHERE event_type = 'purchase' AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
) x
GROUP BY product_id
ORDER BY 5 DESC
LIMIT 20
