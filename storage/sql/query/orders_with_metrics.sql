-- Of orders whose latest status is one of some. $1 start of the range before, $2 start and $3 end of the range,
-- $4 statuses.
WITH counts AS (
    SELECT count(*) FILTER (WHERE purchased_at >= $2::timestamptz) AS orders,
        count(*) FILTER (WHERE purchased_at < $2::timestamptz) AS orders_before,
        count(*) FILTER (WHERE purchased_at >= $2::timestamptz AND status IN ('DELIVERED', 'COMPLETED')) AS completed,
        count(*) FILTER (WHERE purchased_at >= $2::timestamptz AND status = 'CANCELLED') AS cancelled
    FROM orders
    WHERE purchased_at >= $1::timestamptz AND purchased_at < $3::timestamptz AND status = ANY ($4::text[])
)
SELECT
    c.orders AS total_orders,
    (SELECT round(avg(money), min(b.decimals))
     FROM sales_with($2::timestamptz, $3::timestamptz, $4::text[]), reporting_basis b) AS average_order_value,
    100 * (c.orders - c.orders_before)::float8 / nullif(c.orders_before, 0) AS order_growth,
    (SELECT count(*)
     FROM orders
     WHERE created_at >= $2::timestamptz AND created_at < $3::timestamptz
         AND purchased_at IS NULL AND cancelled_at IS NULL AND status = ANY ($4::text[])) AS pending_orders,
    c.completed AS completed_orders,
    c.cancelled AS cancelled_orders,
    100 * c.cancelled::float8 / nullif(c.orders, 0) AS cancellation_rate
FROM counts c
