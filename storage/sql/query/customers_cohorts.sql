-- Customers by the local month of their first order: those of the range's months and of the 12 before its last one,
-- and how many of them bought in each of the 12 months after, as far as these have begun; one row each.
-- $1 start and $2 end of the range, $3 zone.
WITH span AS MATERIALIZED (
    SELECT
        least(date_trunc('month', $1::timestamptz AT TIME ZONE $3::text), last - interval '12 months') AS first, last
    FROM date_trunc('month', (least($2::timestamptz, now()) - interval '1 microsecond') AT TIME ZONE $3::text) AS last
), bought AS (
    -- Of each customer in the order of time: the month of an order, of the one before it, and of the first.
    SELECT month, money, first_value(month) OVER customer AS cohort, lag(month) OVER customer AS previous
    FROM (
        SELECT customer_id, at, date_trunc('month', at AT TIME ZONE $3::text) AS month, money FROM customer_orders
    ) o
    WINDOW customer AS (PARTITION BY customer_id ORDER BY at)
), parts AS MATERIALIZED (
    SELECT cohort, month, count(*) FILTER (WHERE previous IS DISTINCT FROM month) AS buyers,
        count(*) FILTER (WHERE previous = cohort AND month > cohort) AS back_for_the_first_time, sum(money) AS money
    FROM bought
    WHERE cohort >= (SELECT first FROM span) AND cohort <= (SELECT last FROM span)
    GROUP BY cohort, month
), cohorts AS (
    SELECT cohort, sum(buyers) FILTER (WHERE month = cohort) AS customers, coalesce(sum(money), 0) AS revenue,
        sum(back_for_the_first_time) AS back
    FROM parts
    GROUP BY cohort
), months AS (
    SELECT cohort, n AS month, cohort + n * interval '1 month' AS local, m.first, m.after
    FROM cohorts, generate_series(1, 12) AS n, LATERAL (
        SELECT day_start((cohort + n * interval '1 month')::date, $3::text) AS first,
            day_start((cohort + (n + 1) * interval '1 month')::date, $3::text) AS after) m
    WHERE m.first <= now()
)
SELECT to_char(c.cohort, 'YYYY-MM-DD') AS cohort_month, c.customers, 100 * c.back::float8 / c.customers AS retention_rate,
    c.revenue, m.month,
    CASE WHEN m.month IS NOT NULL THEN coalesce(p.buyers, 0) END AS buyers,
    CASE WHEN m.month IS NOT NULL THEN 100 * coalesce(p.buyers, 0)::float8 / c.customers END AS rate,
    m.after <= now() AND NOT pending_between(m.first, m.after) AS final
FROM cohorts c
LEFT JOIN months m USING (cohort)
LEFT JOIN parts p ON p.cohort = m.cohort AND p.month = m.local
ORDER BY c.cohort, m.month
