-- Fulfilments by warehouse: begun, completed and overdue in the range; the hours since the purchase of those completed
-- in it. $1 start and $2 end of the range.
WITH step AS (
    SELECT warehouse_id, 1 AS fulfillments, 0 AS completed, NULL::numeric AS seconds, 0 AS sla_breaches
    FROM fulfillments
    WHERE first_at >= $1::timestamptz AND first_at < $2::timestamptz
    UNION ALL
    SELECT f.warehouse_id, 0, 1, extract(epoch FROM f.completed_at - o.purchased_at), 0
    FROM fulfillments f LEFT JOIN orders o USING (order_id)
    WHERE f.completed_at >= $1::timestamptz AND f.completed_at < $2::timestamptz
    UNION ALL
    SELECT warehouse_id, 0, 0, NULL, 1
    FROM fulfillments
    WHERE breached_at >= $1::timestamptz AND breached_at < $2::timestamptz
)
SELECT warehouse_id, sum(fulfillments) AS fulfillments, sum(completed) AS completed,
    (avg(seconds) / 3600)::float8 AS average_fulfillment_time_hours, sum(sla_breaches) AS sla_breaches
FROM step
GROUP BY warehouse_id
ORDER BY fulfillments DESC, completed DESC, warehouse_id
LIMIT 1000
