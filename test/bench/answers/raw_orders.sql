-- Orders of a range by their latest status, and their fulfilment, from raw rows. $1 start, $2 end.
WITH purchase AS MATERIALIZED (
    SELECT order_id, min(created_at) AS at
    FROM analytics_events
    WHERE event_type = 'purchase' AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
    GROUP BY order_id
), latest AS (
    SELECT DISTINCT ON (order_id) order_id, e.status
    FROM purchase JOIN analytics_events e USING (order_id)
    WHERE e.event_type IN ('order_created', 'purchase', 'order_cancelled', 'order_status_changed')
    ORDER BY order_id, e.created_at DESC
), done AS (
    SELECT p.order_id, min(e.created_at) - p.at AS took
    FROM purchase p JOIN analytics_events e USING (order_id)
    WHERE e.event_type = 'fulfillment_status_changed' AND e.status = 'COMPLETED'
    GROUP BY p.order_id, p.at
)
SELECT status, count(*), (SELECT avg(took) FROM done) FROM latest GROUP BY status
