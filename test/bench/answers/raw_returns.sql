-- Returns by reason, and what was paid back, from raw rows. $1 start, $2 end.
SELECT event_type, properties #>> '{reason,code}', count(DISTINCT coalesce(properties ->> 'return_id', order_id)), sum(amount)
FROM analytics_events
WHERE event_type IN ('return_requested', 'return_approved', 'return_rejected', 'return_completed', 'payment_refunded', 'purchase')
    AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
GROUP BY 1, 2
