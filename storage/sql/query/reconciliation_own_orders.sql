-- The local day $1 in zone $2: its first and last instant (microseconds since 1970), and the orders whose first
-- purchase is in it, counted from the events themselves.
WITH day AS (
    SELECT $1::date::timestamp AT TIME ZONE $2 AS first, ($1::date + 1)::timestamp AT TIME ZONE $2 AS after
)
SELECT
    (extract(epoch FROM d.first) * 1000000)::bigint, (extract(epoch FROM d.after) * 1000000)::bigint,
    (SELECT count(DISTINCT e.order_id)
     FROM analytics_events e
     LEFT JOIN orders o USING (order_id)
     WHERE e.created_at >= d.first AND e.created_at < d.after AND e.event_type = 'purchase'
       AND (o.purchased_at IS NULL OR o.purchased_at >= d.first))
FROM day d
