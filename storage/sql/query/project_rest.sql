-- The events that are not among the many, for the statements that look for some of them only.
INSERT INTO projecting_rest
SELECT * FROM projecting
WHERE event_type NOT IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout', 'cart_converted',
                         'customer_login', 'purchase', 'order_created', 'order_cancelled', 'order_status_changed')
