-- Days that are new to a customer count, and become the previous one of the day behind them.
WITH behind AS (
    SELECT n.customer_id, n.next_day, max(n.day) AS day
    FROM (
        SELECT c.customer_id, c.day,
            (SELECT min(d.day) FROM customer_days d WHERE d.customer_id = c.customer_id AND d.day > c.day) AS next_day
        FROM customer_day_changes c
        WHERE c.is_new
    ) n
    WHERE n.next_day IS NOT NULL
    GROUP BY n.customer_id, n.next_day
), told AS (
    UPDATE customer_days d
    SET previous_day = b.day
    FROM behind b
    JOIN customer_days was ON was.customer_id = b.customer_id AND was.day = b.next_day
    WHERE d.customer_id = b.customer_id AND d.day = b.next_day AND d.previous_day < b.day
    RETURNING d.day, b.day AS previous_day, was.previous_day AS was_previous_day
)
INSERT INTO active_days AS a (day, previous_day, customers)
SELECT day, previous_day, sum(customers)
FROM (
    SELECT day, previous_day, 1 AS customers FROM customer_day_changes WHERE is_new
    UNION ALL
    SELECT day, previous_day, 1 FROM told
    UNION ALL
    SELECT day, was_previous_day, -1 FROM told
) c
GROUP BY day, previous_day
ON CONFLICT (day, previous_day) DO UPDATE SET customers = a.customers + excluded.customers
