-- Orders without a rate on their day, which are in no money figure. $1 start and $2 end of the range. The currencies
-- are found one after the other, as there are few of them and many orders of each.
WITH RECURSIVE known AS (
    SELECT min(currency) AS currency FROM orders WHERE purchased_at IS NOT NULL AND currency IS NOT NULL
    UNION ALL
    SELECT (SELECT min(currency) FROM orders WHERE purchased_at IS NOT NULL AND currency > k.currency)
    FROM known k
    WHERE k.currency IS NOT NULL
)
SELECT o.currency, sum(o.amount) AS amount, count(*) AS orders
FROM reporting_basis b
JOIN known k ON k.currency <> b.currency
JOIN orders o ON o.currency = k.currency AND o.purchased_at >= $1::timestamptz AND o.purchased_at < $2::timestamptz
WHERE NOT EXISTS (
    SELECT FROM fx_rates fx WHERE fx.currency = o.currency AND fx.day = (o.purchased_at AT TIME ZONE b.zone)::date)
GROUP BY o.currency
ORDER BY o.currency
