-- Figures of the present: who is there, and the local day so far. $1 zone, $2 now.
-- Orders come from the sums by hour, those of hours that a day begins or ends in from themselves (zones of half
-- hours); no zone's day begins within a quarter of an hour.
WITH days AS (
    SELECT ($2::timestamptz AT TIME ZONE $1::text)::date AS day
), today AS (
    SELECT start, until, date_trunc('hour', start + interval '1 hour' - interval '1 microsecond', 'UTC') AS first_hour,
        date_trunc('hour', until, 'UTC') AS after_hour
    FROM (SELECT day_start(day, $1::text) AS start, day_start(day + 1, $1::text) AS until FROM days) d
), parts AS (
    SELECT h.orders, h.money
    FROM today t, sales_hours h
    WHERE h.hour >= t.first_hour AND h.hour < t.after_hour
    UNION ALL
    SELECT 1, s.money
    FROM today t, sales s
    WHERE s.at >= t.start AND s.at < t.first_hour
    UNION ALL
    SELECT 1, s.money
    FROM today t, sales s
    WHERE s.at >= t.after_hour AND s.at < t.until
)
SELECT
    (SELECT count(*) FROM sessions WHERE seen_at >= $2::timestamptz - interval '5 minutes') AS online_users,
    (SELECT coalesce(sum(orders), 0) FROM parts) AS orders_today,
    (SELECT coalesce(sum(money), 0) FROM parts) AS revenue_today,
    (SELECT coalesce(sum(q.events), 0) FROM event_quarters q
     WHERE q.event_type = 'page_view' AND q.quarter >= t.start AND q.quarter < t.until) AS page_views_today,
    (SELECT 100 * f.bought::float8 / nullif(f.sessions, 0) FROM funnel(t.start, t.until) f) AS conversion_rate_today
FROM today t
