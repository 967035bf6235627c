-- Customers: ever seen, active in the range and in the one before, registered in it; what they are worth and cost.
-- $1 start of the range before, $2 start and $3 end of the range.
WITH active AS MATERIALIZED (
    SELECT now, before, now + before - either AS again
    FROM active_customers($2::timestamptz, $3::timestamptz) AS now,
        active_customers($1::timestamptz, $2::timestamptz) AS before,
        active_customers($1::timestamptz, $3::timestamptz) AS either
), registered AS MATERIALIZED (
    SELECT count(DISTINCT customer_id) AS customers
    FROM registrations
    WHERE at >= $2::timestamptz AND at < $3::timestamptz
)
SELECT
    (SELECT count(*) FROM customers) AS total_customers,
    a.now AS active_customers,
    r.customers AS new_customers,
    100 * (a.now - a.before)::float8 / nullif(a.before, 0) AS customer_growth,
    (SELECT round((money - coalesce((SELECT sum(money) FROM refunds), 0)) / nullif(customers, 0), b.decimals)
     FROM (SELECT sum(money) AS money FROM sales_days WHERE priced_orders > 0) s,
        (SELECT count(*) AS customers FROM (SELECT DISTINCT customer_id FROM customer_orders) c) o,
        reporting_basis b) AS average_lifetime_value,
    (SELECT round(sum(money) / nullif(r.customers, 0), min(b.decimals))
     FROM spends, reporting_basis b
     WHERE at >= $2::timestamptz AND at < $3::timestamptz) AS customer_acquisition_cost,
    100 * a.again::float8 / nullif(a.before, 0) AS retention_rate,
    100 - 100 * a.again::float8 / nullif(a.before, 0) AS churn_rate
FROM active a, registered r
