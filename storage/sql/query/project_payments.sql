INSERT INTO payments (event_key, at, kind, payment_id, order_id, method, reason, amount, currency)
SELECT event_key, at, substr(event_type, 9), properties ->> 'payment_id', order_id, properties ->> 'payment_method',
    properties ->> 'failure_reason', amount, currency
FROM projecting_rest
WHERE event_type IN ('payment_processed', 'payment_failed', 'payment_refunded')
ON CONFLICT DO NOTHING
