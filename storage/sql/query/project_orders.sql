INSERT INTO orders AS o
SELECT
    order_id, purchased_at, purchased_by, customer_id, customer_name, session_id, source, amount, currency, items,
    created_at, cancelled_at, status, status_at, status_by, fulfilled_at, returned_at
FROM order_merges
ON CONFLICT (order_id) DO UPDATE SET
    purchased_at = excluded.purchased_at, purchased_by = excluded.purchased_by, customer_id = excluded.customer_id,
    customer_name = excluded.customer_name, session_id = excluded.session_id, source = excluded.source,
    amount = excluded.amount, currency = excluded.currency, items = excluded.items,
    created_at = excluded.created_at, cancelled_at = excluded.cancelled_at, status = excluded.status,
    status_at = excluded.status_at, status_by = excluded.status_by, fulfilled_at = excluded.fulfilled_at,
    returned_at = excluded.returned_at
