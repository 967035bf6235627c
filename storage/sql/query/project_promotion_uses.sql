INSERT INTO promotion_uses (event_key, at, code, order_id, discount, currency)
SELECT event_key, at, properties ->> 'promotion_code', order_id, (properties ->> 'discount_amount')::numeric, currency
FROM projecting_rest
WHERE event_type = 'promotion_used'
ON CONFLICT DO NOTHING
