-- Stock by warehouse, and how fast it turns, from raw rows. $1 start, $2 end.
WITH stock AS (
    SELECT DISTINCT ON (properties ->> 'sku', properties ->> 'warehouse_id')
        product_id, properties ->> 'warehouse_id' AS warehouse_id, (properties ->> 'quantity')::numeric AS quantity
    FROM analytics_events
    WHERE event_type = 'stock_changed'
    ORDER BY properties ->> 'sku', properties ->> 'warehouse_id', created_at DESC
), sold AS (
    SELECT sum(i.quantity) AS units
    FROM analytics_events e, jsonb_to_recordset(e.items) AS i (quantity numeric)
    WHERE event_type = 'purchase' AND created_at >= $1::timestamptz AND created_at < $2::timestamptz
)
SELECT warehouse_id, count(*), sum(quantity), (SELECT units FROM sold) / nullif(sum(quantity), 0) FROM stock GROUP BY warehouse_id
