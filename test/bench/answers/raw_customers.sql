-- Active, new and all customers from raw rows, and what they brought. $1 start, $2 end.
SELECT
    (SELECT count(DISTINCT customer_id) FROM analytics_events),
    (SELECT count(DISTINCT customer_id) FROM analytics_events
     WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz
        AND event_type IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout', 'purchase',
                           'customer_login', 'customer_registered')),
    (SELECT count(DISTINCT customer_id) FROM analytics_events
     WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz AND event_type = 'customer_registered'),
    (SELECT sum(amount) / count(DISTINCT customer_id) FROM analytics_events WHERE event_type = 'purchase')
