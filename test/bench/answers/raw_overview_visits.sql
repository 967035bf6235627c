-- Sessions of the range and how far they got, active customers of it and of the range before; one row.
-- $1 start of the range before, $2 start and $3 end of the range.
WITH acted AS MATERIALIZED (
    SELECT created_at, event_type, session_id, customer_id
    FROM analytics_events
    WHERE created_at >= $1::timestamptz AND created_at < $3::timestamptz
        AND event_type IN ('page_view', 'product_view', 'add_to_cart', 'remove_from_cart', 'checkout', 'purchase',
                           'customer_login', 'customer_registered')
), active AS (
    SELECT count(*) FILTER (WHERE last >= $2::timestamptz) AS customers,
        count(*) FILTER (WHERE first < $2::timestamptz) AS customers_before
    FROM (
        SELECT min(created_at) AS first, max(created_at) AS last
        FROM acted
        WHERE customer_id IS NOT NULL
        GROUP BY customer_id
    ) c
), stage1 AS (
    -- Each stage is reached at its first event not earlier than the moment the stage before was reached.
    SELECT session_id, event_type, created_at,
        min(created_at) FILTER (WHERE event_type = 'page_view') OVER (PARTITION BY session_id) AS reached1
    FROM acted
    WHERE session_id IS NOT NULL AND created_at >= $2::timestamptz
        AND event_type IN ('page_view', 'product_view', 'add_to_cart', 'checkout', 'purchase')
), stage2 AS (
    SELECT *, min(created_at) FILTER (WHERE event_type = 'product_view' AND created_at >= reached1)
        OVER (PARTITION BY session_id) AS reached2
    FROM stage1
), stage3 AS (
    SELECT *, min(created_at) FILTER (WHERE event_type = 'add_to_cart' AND created_at >= reached2)
        OVER (PARTITION BY session_id) AS reached3
    FROM stage2
), stage4 AS (
    SELECT *, min(created_at) FILTER (WHERE event_type = 'checkout' AND created_at >= reached3)
        OVER (PARTITION BY session_id) AS reached4
    FROM stage3
), sessions AS (
    SELECT
        bool_or(event_type = 'purchase') AS bought,
        min(reached1) AS reached1, min(reached2) AS reached2, min(reached3) AS reached3, min(reached4) AS reached4,
        min(created_at) FILTER (WHERE event_type = 'purchase' AND created_at >= reached4) AS reached5
    FROM stage4
    GROUP BY session_id
)
SELECT
    to_char(transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS as_of,
    a.customers, a.customers_before,
    count(s.bought) AS sessions, count(*) FILTER (WHERE s.bought) AS sessions_bought,
    count(s.reached1) AS page_view, count(s.reached2) AS product_view, count(s.reached3) AS add_to_cart,
    count(s.reached4) AS checkout, count(s.reached5) AS purchase
FROM active a LEFT JOIN sessions s ON true
GROUP BY a.customers, a.customers_before
