-- Customers by the local month of their first order: those of the range's months and of the 12 before its last one,
-- and how many of them bought in each of the 12 months after, as far as these have begun; one row each.
-- $1 start and $2 end of the range, $3 zone.
WITH bought AS MATERIALIZED (
    SELECT customer_id, date_trunc('month', at AT TIME ZONE $3::text)::date AS month, sum(money) AS money
    FROM sales
    WHERE customer_id IS NOT NULL
    GROUP BY 1, 2
), span AS (
    SELECT
        least(date_trunc('month', $1::timestamptz AT TIME ZONE $3::text), last - interval '12 months')::date AS first,
        last::date AS last
    FROM date_trunc('month', (least($2::timestamptz, now()) - interval '1 microsecond') AT TIME ZONE $3::text) AS last
), placed AS MATERIALIZED (
    SELECT b.*, f.cohort_month,
        (extract(year FROM age(b.month, f.cohort_month)) * 12 + extract(month FROM age(b.month, f.cohort_month)))::integer AS later
    FROM bought b
    JOIN (SELECT customer_id, min(month) AS cohort_month FROM bought GROUP BY customer_id) f USING (customer_id)
    JOIN span ON f.cohort_month BETWEEN span.first AND span.last
), cohorts AS (
    SELECT cohort_month, count(DISTINCT customer_id) AS customers, coalesce(sum(money), 0) AS revenue,
        100 * count(DISTINCT customer_id) FILTER (WHERE later > 0)::float8 / count(DISTINCT customer_id) AS retention_rate
    FROM placed
    GROUP BY cohort_month
), months AS (
    SELECT cohort_month, n AS month, m.first, m.after
    FROM cohorts, generate_series(1, 12) AS n, LATERAL (
        SELECT day_start((cohort_month + n * interval '1 month')::date, $3::text) AS first,
            day_start((cohort_month + (n + 1) * interval '1 month')::date, $3::text) AS after) m
    WHERE m.first <= now()
), buyers AS (
    SELECT cohort_month, later AS month, count(*) AS buyers
    FROM placed
    GROUP BY cohort_month, later
)
SELECT to_char(c.cohort_month, 'YYYY-MM-DD') AS cohort_month, c.customers, c.retention_rate, c.revenue, m.month,
    CASE WHEN m.month IS NOT NULL THEN coalesce(b.buyers, 0) END AS buyers,
    CASE WHEN m.month IS NOT NULL THEN 100 * coalesce(b.buyers, 0)::float8 / c.customers END AS rate,
    m.after <= now() AND NOT pending_between(m.first, m.after) AS final
FROM cohorts c
LEFT JOIN months m USING (cohort_month)
LEFT JOIN buyers b USING (cohort_month, month)
ORDER BY c.cohort_month, m.month
