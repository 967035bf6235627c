-- Revenue by day, what was paid back, products and categories, from raw rows. $1 start, $2 end.
WITH purchase AS MATERIALIZED (
    SELECT DISTINCT ON (order_id) order_id, created_at, customer_id, items,
        CASE WHEN currency = 'USD' THEN 1 ELSE fx.rate END AS rate, round(amount * CASE WHEN currency = 'USD' THEN 1 ELSE fx.rate END, 2) AS money
    FROM analytics_events e LEFT JOIN fx_rates fx USING (currency)
    WHERE event_type = 'purchase' AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
        AND (fx.day = created_at::date OR fx.day IS NULL)
    ORDER BY order_id, created_at
), line AS (
    SELECT p.order_id, i.product_id, i.category, i.quantity, round(i.quantity * i.price * p.rate, 2) AS money
    FROM purchase p, jsonb_to_recordset(p.items) AS i (product_id text, category text, quantity numeric, price numeric)
)
SELECT 'day', created_at::date::text, sum(money), count(*) FROM purchase GROUP BY 2
UNION ALL SELECT 'category', category, sum(money), count(DISTINCT order_id) FROM line GROUP BY 2
UNION ALL SELECT 'product', product_id, sum(money), count(DISTINCT order_id) FROM line GROUP BY 2
UNION ALL
SELECT 'refunds', NULL, sum(amount), count(*)
FROM analytics_events
WHERE event_type = 'payment_refunded' AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
