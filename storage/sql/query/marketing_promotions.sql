-- Promotion codes used, and what they took off the price. $1 start and $2 end of the range.
SELECT u.code, count(*) AS uses,
    sum(round(u.discount * CASE WHEN coalesce(u.currency, b.currency) = b.currency THEN 1 ELSE fx.rate END, b.decimals)) AS discount
FROM promotion_uses u
CROSS JOIN reporting_basis b
LEFT JOIN fx_rates fx ON fx.currency = u.currency AND fx.day = (u.at AT TIME ZONE b.zone)::date
WHERE u.at >= $1::timestamptz AND u.at < $2::timestamptz
GROUP BY u.code
ORDER BY uses DESC, u.code
LIMIT 1000
