-- How the orders of the range stand, how long those took that were completed in it, and promises broken in it.
-- $1 start and $2 end of the range.
SELECT
    100 * count(fulfilled_at)::float8 / nullif(count(*), 0) AS fulfillment_rate,
    (SELECT (avg(extract(epoch FROM fulfilled_at - purchased_at)) / 3600)::float8
     FROM orders
     WHERE fulfilled_at >= $1::timestamptz AND fulfilled_at < $2::timestamptz) AS average_fulfillment_time_hours,
    count(*) FILTER (WHERE fulfilled_at IS NULL AND status IS DISTINCT FROM 'CANCELLED') AS pending_fulfillment,
    (SELECT count(*)
     FROM fulfillments
     WHERE breached_at >= $1::timestamptz AND breached_at < $2::timestamptz) AS sla_breaches
FROM orders
WHERE purchased_at >= $1::timestamptz AND purchased_at < $2::timestamptz
