-- The range's orders by their latest status. $1 start and $2 end of the range, $3 statuses or NULL: all.
SELECT status, count(*) AS count, 100 * count(*)::float8 / sum(count(*)) OVER () AS percentage
FROM orders
WHERE purchased_at >= $1::timestamptz AND purchased_at < $2::timestamptz
    AND ($3::text[] IS NULL OR status = ANY ($3::text[]))
GROUP BY status
ORDER BY 2 DESC, 1
