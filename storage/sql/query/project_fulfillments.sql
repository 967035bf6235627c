INSERT INTO fulfillments AS f
SELECT
    fulfillment_id, min(order_id COLLATE "C"), min(at),
    (array_agg(warehouse_id ORDER BY at DESC, warehouse_id COLLATE "C" DESC) FILTER (WHERE warehouse_id IS NOT NULL))[1],
    max(at) FILTER (WHERE warehouse_id IS NOT NULL),
    min(at) FILTER (WHERE event_type = 'fulfillment_status_changed' AND status = 'COMPLETED'),
    min(at) FILTER (WHERE event_type = 'fulfillment_sla_breach')
FROM (
    SELECT at, event_type, order_id, status, properties ->> 'fulfillment_id' AS fulfillment_id,
        properties ->> 'warehouse_id' AS warehouse_id
    FROM projecting_rest
    WHERE event_type IN ('fulfillment_status_changed', 'fulfillment_sla_breach')
) e
GROUP BY fulfillment_id
ON CONFLICT (fulfillment_id) DO UPDATE SET
    order_id = least(f.order_id, excluded.order_id COLLATE "C"), first_at = least(f.first_at, excluded.first_at),
    warehouse_id = CASE WHEN f.warehouse_at IS NULL
                            OR (excluded.warehouse_at, excluded.warehouse_id COLLATE "C") > (f.warehouse_at, f.warehouse_id)
                        THEN excluded.warehouse_id ELSE f.warehouse_id END,
    warehouse_at = greatest(f.warehouse_at, excluded.warehouse_at),
    completed_at = least(f.completed_at, excluded.completed_at),
    breached_at = least(f.breached_at, excluded.breached_at)
