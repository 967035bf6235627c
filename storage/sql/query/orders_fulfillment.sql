-- How the orders of the range stand, and how long those took that were completed in it. $1 start and $2 end of the
-- range, $3 statuses or NULL: all.
SELECT
    100 * count(fulfilled_at)::float8 / nullif(count(*), 0) AS fulfillment_rate,
    (SELECT (avg(extract(epoch FROM fulfilled_at - purchased_at)) / 3600)::float8
     FROM orders
     WHERE fulfilled_at >= $1::timestamptz AND fulfilled_at < $2::timestamptz
         AND ($3::text[] IS NULL OR status = ANY ($3::text[]))) AS average_fulfillment_time_hours,
    count(*) FILTER (WHERE fulfilled_at IS NULL AND status IS DISTINCT FROM 'CANCELLED') AS pending_fulfillment
FROM orders
WHERE purchased_at >= $1::timestamptz AND purchased_at < $2::timestamptz
    AND ($3::text[] IS NULL OR status = ANY ($3::text[]))
