-- The step's orders as they are with its events.
INSERT INTO order_merges
SELECT
    n.order_id,
    CASE WHEN p.new THEN (n.purchase).at ELSE o.purchased_at END,
    CASE WHEN p.new THEN (n.purchase).event_key ELSE o.purchased_by END,
    CASE WHEN p.new THEN (n.purchase).customer_id ELSE o.customer_id END,
    CASE WHEN p.new THEN (n.purchase).properties ->> 'customer_name' ELSE o.customer_name END,
    CASE WHEN p.new THEN (n.purchase).session_id ELSE o.session_id END,
    CASE WHEN p.new THEN (n.purchase).properties ->> 'traffic_source' ELSE o.source END,
    CASE WHEN p.new THEN (n.purchase).amount ELSE o.amount END,
    CASE WHEN p.new THEN (n.purchase).currency ELSE o.currency END,
    CASE WHEN p.new THEN (n.purchase).items ELSE o.items END,
    least(o.created_at, n.created_at),
    least(o.cancelled_at, n.cancelled_at),
    CASE WHEN l.new THEN (n.latest).status ELSE o.status END,
    CASE WHEN l.new THEN (n.latest).at ELSE o.status_at END,
    CASE WHEN l.new THEN (n.latest).event_key ELSE o.status_by END,
    least(o.fulfilled_at, n.fulfilled_at),
    least(o.returned_at, n.returned_at),
    o.purchased_at, o.purchased_by, o.customer_id, o.amount, o.currency, o.items
FROM (
    SELECT
        order_id,
        (array_agg(e ORDER BY at, event_key) FILTER (WHERE event_type = 'purchase'))[1] AS purchase,
        min(at) FILTER (WHERE event_type = 'order_created') AS created_at,
        min(at) FILTER (WHERE event_type = 'order_cancelled') AS cancelled_at,
        (array_agg(e ORDER BY at DESC, event_key DESC)
            FILTER (WHERE event_type NOT IN ('fulfillment_status_changed', 'return_requested')))[1] AS latest,
        min(at) FILTER (WHERE event_type = 'fulfillment_status_changed') AS fulfilled_at,
        min(at) FILTER (WHERE event_type = 'return_requested') AS returned_at
    FROM projecting e
    WHERE order_id IS NOT NULL
        AND (event_type IN ('purchase', 'order_created', 'order_cancelled', 'order_status_changed', 'return_requested')
             OR event_type = 'fulfillment_status_changed' AND status = 'COMPLETED')
    GROUP BY order_id
) n
-- One by one, by the index: few of many.
LEFT JOIN LATERAL (SELECT * FROM orders x WHERE x.order_id = n.order_id OFFSET 0) o ON true
CROSS JOIN LATERAL (
    SELECT n.purchase IS DISTINCT FROM NULL
        AND (o.purchased_at IS NULL OR ((n.purchase).at, (n.purchase).event_key) < (o.purchased_at, o.purchased_by)) AS new
) p
CROSS JOIN LATERAL (
    SELECT n.latest IS DISTINCT FROM NULL
        AND (o.status_at IS NULL OR ((n.latest).at, (n.latest).event_key) > (o.status_at, o.status_by)) AS new
) l
