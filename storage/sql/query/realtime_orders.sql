-- The latest orders, at most 10.
SELECT o.order_id, o.customer_name, s.money AS amount,
    to_char(o.purchased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
FROM (
    SELECT order_id, customer_name, purchased_at
    FROM orders
    WHERE purchased_at IS NOT NULL
    ORDER BY purchased_at DESC
    LIMIT 10
) o
JOIN sales s USING (order_id)
ORDER BY o.purchased_at DESC, o.order_id
