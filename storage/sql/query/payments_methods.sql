-- Payments that went through, by method. Their money is their order's: by the rate of its day, or of their own where
-- the order is not known. $1 start and $2 end of the range.
SELECT p.method, count(*) AS count,
    sum(round(CASE
        WHEN coalesce(p.currency, b.currency) = b.currency THEN p.amount
        ELSE p.amount * (
            SELECT fx.rate
            FROM fx_rates fx
            WHERE fx.currency = p.currency AND fx.day = (
                coalesce((SELECT o.purchased_at FROM orders o WHERE o.order_id = p.order_id), p.at) AT TIME ZONE b.zone)::date)
    END, b.decimals)) AS amount
FROM payments p, reporting_basis b
WHERE p.at >= $1::timestamptz AND p.at < $2::timestamptz AND p.kind = 'processed'
GROUP BY p.method
ORDER BY count DESC, p.method
LIMIT 1000
