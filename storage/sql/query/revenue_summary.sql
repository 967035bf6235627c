-- $1 start of the range before, $2 start and $3 end of the range, $4 zone.
SELECT
    n.money AS total_revenue,
    r.money AS refunds,
    n.money - r.money AS net_revenue,
    n.items_money AS item_revenue,
    round(n.money / (SELECT count(*) FROM periods($2::timestamptz, $3::timestamptz, $4::text, 'day')), basis.decimals)
        AS average_daily_revenue,
    100 * (n.money - b.money) / nullif(b.money, 0) AS revenue_growth,
    100 * (n.margin_price - n.margin_cost) / nullif(n.margin_price, 0) AS gross_margin,
    n.priced_orders AS total_transactions
FROM sales_totals($2::timestamptz, $3::timestamptz) n,
    sales_totals($1::timestamptz, $2::timestamptz) b,
    (SELECT coalesce(sum(money), 0) AS money
     FROM refunds
     WHERE at >= $2::timestamptz AND at < $3::timestamptz) r,
    reporting_basis basis
