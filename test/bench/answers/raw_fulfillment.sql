-- Fulfilment by warehouse from raw rows. $1 start, $2 end.
SELECT properties ->> 'warehouse_id', count(*), avg(f.created_at - p.at)
FROM analytics_events f
JOIN (SELECT order_id, min(created_at) AS at FROM analytics_events WHERE event_type = 'purchase' GROUP BY order_id) p USING (order_id)
WHERE f.event_type = 'fulfillment_status_changed' AND f.status = 'COMPLETED'
    AND f.created_at >= $1::timestamptz AND f.created_at < $2::timestamptz
GROUP BY 1
