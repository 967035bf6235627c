-- Traffic sources from raw rows. $1 start, $2 end.
SELECT properties ->> 'traffic_source', count(DISTINCT session_id), count(DISTINCT order_id) FILTER (WHERE event_type = 'purchase'),
    sum(amount) FILTER (WHERE event_type = 'purchase'), sum(amount) FILTER (WHERE event_type = 'marketing_spend')
FROM analytics_events
WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
GROUP BY 1
