-- $1 start of the range before, $2 start and $3 end of the range, $4 zone, $5 categories, $6 brands.
WITH sold AS (
    SELECT
        coalesce(sum(money) FILTER (WHERE at >= $2::timestamptz), 0) AS money,
        coalesce(sum(money) FILTER (WHERE at < $2::timestamptz), 0) AS money_before,
        sum(margin_price) FILTER (WHERE at >= $2::timestamptz) AS margin_price,
        sum(margin_cost) FILTER (WHERE at >= $2::timestamptz) AS margin_cost,
        count(DISTINCT order_id) FILTER (WHERE at >= $2::timestamptz AND money IS NOT NULL) AS orders
    FROM lines_of($1::timestamptz, $3::timestamptz, $5::text[], $6::text[])
)
SELECT
    s.money AS total_revenue,
    s.money AS item_revenue,
    round(s.money / (SELECT count(*) FROM periods($2::timestamptz, $3::timestamptz, $4::text, 'day')), b.decimals)
        AS average_daily_revenue,
    100 * (s.money - s.money_before) / nullif(s.money_before, 0) AS revenue_growth,
    100 * (s.margin_price - s.margin_cost) / nullif(s.margin_price, 0) AS gross_margin,
    s.orders AS total_transactions
FROM sold s, reporting_basis b
