-- The latest level of a sku in a warehouse, as a whole.
INSERT INTO stock AS s
SELECT DISTINCT ON (properties ->> 'sku', properties ->> 'warehouse_id')
    properties ->> 'sku', properties ->> 'warehouse_id', at, event_key, product_id, (properties ->> 'quantity')::numeric,
    CASE WHEN jsonb_typeof(properties -> 'reserved') = 'number' THEN (properties ->> 'reserved')::numeric
         WHEN jsonb_typeof(properties -> 'reserved_quantity') = 'number' THEN (properties ->> 'reserved_quantity')::numeric END,
    (properties ->> 'minimum_stock')::numeric,
    CASE WHEN jsonb_typeof(properties -> 'unit_cost') = 'number' THEN (properties ->> 'unit_cost')::numeric END, currency
FROM projecting_rest
WHERE event_type = 'stock_changed'
ORDER BY properties ->> 'sku', properties ->> 'warehouse_id', at DESC, event_key DESC
ON CONFLICT (sku, warehouse_id) DO UPDATE SET
    at = excluded.at, event_key = excluded.event_key, product_id = excluded.product_id, quantity = excluded.quantity,
    reserved = excluded.reserved, minimum_stock = excluded.minimum_stock, unit_cost = excluded.unit_cost,
    currency = excluded.currency
WHERE (excluded.at, excluded.event_key) > (s.at, s.event_key)
