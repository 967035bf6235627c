-- $1 start of the range before, $2 start and $3 end of the range.
WITH counts AS (
    SELECT count(*) FILTER (WHERE status IN ('DELIVERED', 'COMPLETED')) AS completed,
        count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled
    FROM orders
    WHERE purchased_at >= $2::timestamptz AND purchased_at < $3::timestamptz
)
SELECT
    n.orders AS total_orders,
    round(n.money / nullif(n.priced_orders, 0), basis.decimals) AS average_order_value,
    100 * (n.orders - b.orders)::float8 / nullif(b.orders, 0) AS order_growth,
    (SELECT count(*)
     FROM orders
     WHERE created_at >= $2::timestamptz AND created_at < $3::timestamptz
         AND purchased_at IS NULL AND cancelled_at IS NULL) AS pending_orders,
    c.completed AS completed_orders,
    c.cancelled AS cancelled_orders,
    100 * c.cancelled::float8 / nullif(n.orders, 0) AS cancellation_rate
FROM sales_totals($2::timestamptz, $3::timestamptz) n,
    sales_totals($1::timestamptz, $2::timestamptz) b,
    counts c, reporting_basis basis
