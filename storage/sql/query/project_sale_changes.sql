-- The sales that the step changes: an order is what its earliest purchase says, so it is another sale when that
-- is another event.
INSERT INTO sale_changes
SELECT
    c.sign, c.order_id, c.at, d.day, c.customer_id, c.items, r.rate, b.decimals, round(c.amount * r.rate, b.decimals)
FROM (
    SELECT 1 AS sign, order_id, purchased_at AS at, customer_id, amount, currency, items
    FROM order_merges
    WHERE purchased_by IS DISTINCT FROM was_by
    UNION ALL
    SELECT -1, order_id, was_at, was_customer_id, was_amount, was_currency, was_items
    FROM order_merges
    WHERE purchased_by IS DISTINCT FROM was_by AND was_by IS NOT NULL
) c
CROSS JOIN reporting_basis b
CROSS JOIN LATERAL (SELECT (c.at AT TIME ZONE b.zone)::date AS day) d
LEFT JOIN fx_rates fx ON fx.currency = c.currency AND fx.day = d.day
CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(c.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END AS rate) r
