-- The cohorts of the last 25 months, with up to 12 months after each, as of the end of the business day $1.
WITH bought AS (
    SELECT s.customer_id, date_trunc('month', s.day)::date AS month, sum(s.money) AS money
    FROM sales s
    WHERE s.customer_id IS NOT NULL AND s.day <= $1::date
    GROUP BY 1, 2
), placed AS (
    SELECT customer_id, month, money, min(month) OVER (PARTITION BY customer_id) AS cohort_month FROM bought
), sized AS (
    SELECT cohort_month, count(DISTINCT customer_id) AS customers
    FROM placed
    WHERE cohort_month >= date_trunc('month', $1::date) - interval '24 months'
    GROUP BY 1
)
INSERT INTO cohorts (cohort_month, month, customers, buyers, money, as_of)
SELECT z.cohort_month, n, z.customers, count(p.customer_id), coalesce(sum(p.money), 0), $1::date
FROM sized z
CROSS JOIN generate_series(0, 12) n
LEFT JOIN placed p ON p.cohort_month = z.cohort_month AND p.month = z.cohort_month + n * interval '1 month'
WHERE z.cohort_month + n * interval '1 month' <= $1::date
GROUP BY z.cohort_month, n, z.customers
