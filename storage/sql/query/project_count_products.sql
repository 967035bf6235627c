INSERT INTO product_days AS d (day, product_id, views, cart_adds)
SELECT day, product_id, count(*) FILTER (WHERE event_type = 'product_view'),
    count(*) FILTER (WHERE event_type = 'add_to_cart')
FROM projecting
WHERE event_type IN ('product_view', 'add_to_cart') AND product_id IS NOT NULL
GROUP BY day, product_id
ON CONFLICT (day, product_id) DO UPDATE SET
    views = d.views + excluded.views, cart_adds = d.cart_adds + excluded.cart_adds
