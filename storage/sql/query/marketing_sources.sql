-- What each traffic source brought and cost: sessions with a funnel event in the range, orders of the range (by their
-- own source, else their session's), money spent in it. $1 start and $2 end of the range.
WITH brought AS (
    SELECT source, sum(sessions) AS sessions, 0 AS orders, NULL::numeric AS revenue, NULL::numeric AS spend
    FROM funnel_parts($1::timestamptz, $2::timestamptz)
    GROUP BY source
    HAVING sum(sessions) > 0
    UNION ALL
    SELECT coalesce(s.source, (SELECT v.source FROM sessions v WHERE v.session_id = s.session_id)), 0, 1, s.money, NULL
    FROM sales s
    WHERE s.at >= $1::timestamptz AND s.at < $2::timestamptz
    UNION ALL
    SELECT source, 0, 0, NULL, money
    FROM spends
    WHERE at >= $1::timestamptz AND at < $2::timestamptz
)
SELECT nullif(source, '') AS source, sum(sessions) AS sessions, sum(orders) AS orders, coalesce(sum(revenue), 0) AS revenue,
    sum(spend) AS spend, (coalesce(sum(revenue), 0) / nullif(sum(spend), 0))::float8 AS roas
FROM brought
GROUP BY 1
ORDER BY revenue DESC, sessions DESC, source
LIMIT 1000
