-- The funnel from raw rows. $1 start, $2 end.
WITH stage1 AS (
    SELECT session_id, event_type, created_at,
        min(created_at) FILTER (WHERE event_type = 'page_view') OVER (PARTITION BY session_id) AS reached1
    FROM analytics_events
    WHERE created_at >= $1::timestamptz AND created_at < $2::timestamptz AND session_id IS NOT NULL
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
    SELECT min(reached1) AS reached1, min(reached2) AS reached2, min(reached3) AS reached3, min(reached4) AS reached4,
        min(created_at) FILTER (WHERE event_type = 'purchase' AND created_at >= reached4) AS reached5
    FROM stage4
    GROUP BY session_id
)
SELECT count(reached1), count(reached2), count(reached3), count(reached4), count(reached5) FROM sessions
