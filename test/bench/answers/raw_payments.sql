-- Payments from raw rows. $1 start, $2 end.
SELECT event_type, properties ->> 'payment_method', properties ->> 'failure_reason', count(*), sum(amount)
FROM analytics_events
WHERE event_type IN ('payment_processed', 'payment_failed') AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
GROUP BY 1, 2, 3
