-- The overview's figures. $1 start of the range before, $2 start and $3 end of the range.
SELECT
    n.money AS total_revenue,
    n.orders AS total_orders,
    a.now AS active_customers,
    100 * f.bought::float8 / nullif(f.sessions, 0) AS conversion_rate,
    100 * (n.money - b.money) / nullif(b.money, 0) AS revenue_growth,
    100 * (n.orders - b.orders)::float8 / nullif(b.orders, 0) AS order_growth,
    100 * (a.now - a.before)::float8 / nullif(a.before, 0) AS customer_growth,
    round(n.money / nullif(n.priced_orders, 0), basis.decimals) AS average_order_value
FROM sales_totals($2::timestamptz, $3::timestamptz) n,
    sales_totals($1::timestamptz, $2::timestamptz) b,
    funnel($2::timestamptz, $3::timestamptz) f,
    (SELECT active_customers($2::timestamptz, $3::timestamptz) AS now,
            active_customers($1::timestamptz, $2::timestamptz) AS before) a,
    reporting_basis basis
