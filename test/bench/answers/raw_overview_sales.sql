-- Orders of the range and of the one before it: totals, local days, categories; one row each.
-- $1 start of the range before, $2 start and $3 end of the range, $4 zone, $5 business zone,
-- $6 reporting currency, $7 its decimals.
-- part: before, range (value: average order value), day (label: the day), category (label: NULL when the
-- items name none; value: percent of the revenue of all categories).
WITH purchase AS (
    SELECT DISTINCT ON (order_id)
        order_id, created_at, customer_id, amount, coalesce(currency, $6::text) AS currency, items
    FROM analytics_events
    WHERE event_type = 'purchase' AND created_at >= $1::timestamptz AND created_at < $3::timestamptz
    ORDER BY order_id, created_at, received_at, event_key
), orders AS MATERIALIZED (
    -- An order belongs to its earliest purchase of all time. rate is NULL where the money does not count.
    SELECT
        p.order_id, p.customer_id, p.items,
        p.created_at >= $2::timestamptz AS in_range,
        (p.created_at AT TIME ZONE $4::text)::date AS day,
        CASE WHEN p.currency = $6::text THEN 1 ELSE fx.rate END AS rate,
        round(p.amount * CASE WHEN p.currency = $6::text THEN 1 ELSE fx.rate END, $7::integer) AS money
    FROM purchase p
    LEFT JOIN fx_rates fx ON fx.currency = p.currency AND fx.day = (p.created_at AT TIME ZONE $5::text)::date
    WHERE NOT EXISTS (
        SELECT FROM analytics_events e
        WHERE e.event_type = 'purchase' AND e.order_id = p.order_id AND e.created_at < $1::timestamptz)
), days AS (
    SELECT day, sum(money) AS revenue, count(*) AS orders, count(DISTINCT customer_id) AS customers
    FROM orders
    WHERE in_range
    GROUP BY day
), calendar AS (
    -- A day that a zone left out when it crossed the date line has no length.
    SELECT day::date AS day
    FROM generate_series(date_trunc('day', $2::timestamptz AT TIME ZONE $4::text),
                         ($3::timestamptz - interval '1 microsecond') AT TIME ZONE $4::text,
                         interval '1 day') AS day
    WHERE day AT TIME ZONE $4::text < (day + interval '1 day') AT TIME ZONE $4::text
), lines AS (
    SELECT nullif(i.category, '') AS category, o.order_id, round(sum(i.quantity * i.price) * o.rate, $7::integer) AS money
    FROM orders o, jsonb_to_recordset(o.items) AS i (category text, quantity numeric, price numeric)
    WHERE o.in_range
    GROUP BY 1, o.order_id, o.rate
), categories AS (
    SELECT category, coalesce(sum(money), 0) AS revenue, count(*) AS orders
    FROM lines
    GROUP BY category
), parts AS (
    SELECT
        CASE WHEN in_range THEN 'range' ELSE 'before' END AS part, NULL AS label,
        coalesce(sum(money), 0) AS revenue, count(*) AS orders, count(DISTINCT customer_id) AS customers,
        round(sum(money) / nullif(count(money), 0), $7::integer)::float8 AS value, NULL::boolean AS final
    FROM orders
    GROUP BY in_range
    UNION ALL
    SELECT
        'day', to_char(day, 'YYYY-MM-DD'), coalesce(revenue, 0), coalesce(orders, 0), coalesce(customers, 0), NULL,
        (day + 1)::timestamp AT TIME ZONE $4::text <= transaction_timestamp()
    FROM calendar FULL JOIN days USING (day)
    UNION ALL
    SELECT
        'category', category, revenue, orders, NULL,
        (100 * revenue / nullif(sum(revenue) OVER (), 0))::float8, NULL
    FROM categories
)
SELECT part, label, revenue, orders, customers, value, final
FROM parts
ORDER BY part, CASE WHEN part = 'category' THEN revenue END DESC, label
