-- Customers' days of the step's own actions and orders. A day that is new knows the one before it, in the table
-- or in the step; the one behind it is told by project_next_days.
WITH acted AS (
    SELECT customer_id, day, min(first_at) AS first_at, max(last_at) AS last_at, sum(orders)::int AS orders
    FROM (
        SELECT customer_id, day, min(at) AS first_at, max(at) AS last_at, 0 AS orders
        FROM projecting
        WHERE customer_id IS NOT NULL
            AND event_type IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout', 'purchase',
                               'customer_login', 'customer_registered')
        GROUP BY customer_id, day
        UNION ALL
        SELECT customer_id, day, NULL, NULL, sign FROM sale_changes WHERE customer_id IS NOT NULL
    ) a
    GROUP BY customer_id, day
), merged AS (
    INSERT INTO customer_days AS d (customer_id, day, previous_day, first_at, last_at, orders)
    SELECT
        customer_id, day,
        coalesce(greatest(lag(day) OVER (PARTITION BY customer_id ORDER BY day),
                          (SELECT max(b.day) FROM customer_days b WHERE b.customer_id = a.customer_id AND b.day < a.day)),
                 '-infinity'),
        first_at, last_at, orders
    FROM acted a
    ON CONFLICT (customer_id, day) DO UPDATE SET
        first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at),
        orders = d.orders + excluded.orders
    WHERE excluded.orders <> 0 OR least(d.first_at, excluded.first_at) IS DISTINCT FROM d.first_at
        OR greatest(d.last_at, excluded.last_at) IS DISTINCT FROM d.last_at
    RETURNING customer_id, day, previous_day, xmax = 0 AS is_new, orders
)
INSERT INTO customer_day_changes (customer_id, day, previous_day, is_new, orders, orders_moved)
SELECT m.customer_id, m.day, m.previous_day, m.is_new, m.orders, a.orders
FROM merged m JOIN acted a USING (customer_id, day)
WHERE m.is_new OR a.orders <> 0
