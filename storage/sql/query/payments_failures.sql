-- Why payments failed. $1 start and $2 end of the range.
SELECT reason, count(*) AS count
FROM payments
WHERE at >= $1::timestamptz AND at < $2::timestamptz AND kind = 'failed'
GROUP BY reason
ORDER BY count DESC, reason
LIMIT 1000
