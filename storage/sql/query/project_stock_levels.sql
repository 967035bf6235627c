INSERT INTO stock_levels (event_key, at, sku, warehouse_id, product_id, quantity)
SELECT event_key, at, properties ->> 'sku', properties ->> 'warehouse_id', product_id, (properties ->> 'quantity')::numeric
FROM projecting_rest
WHERE event_type = 'stock_changed'
ON CONFLICT DO NOTHING
