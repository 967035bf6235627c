-- Why the returns of the range were requested. $1 start and $2 end of the range.
SELECT reason, count(*) AS count
FROM returns
WHERE requested_at >= $1::timestamptz AND requested_at < $2::timestamptz
GROUP BY reason
ORDER BY count DESC, reason
LIMIT 1000
