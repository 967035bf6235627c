-- The local day so far from raw rows. $1 start, $2 end of the day.
SELECT count(DISTINCT session_id) FILTER (WHERE created_at > now() - interval '5 minutes'),
    count(DISTINCT order_id) FILTER (WHERE event_type = 'purchase'), sum(amount) FILTER (WHERE event_type = 'purchase'),
    count(*) FILTER (WHERE event_type = 'page_view'), count(DISTINCT session_id)
FROM analytics_events
WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
