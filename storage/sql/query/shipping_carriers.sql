-- Shipments by carrier: those begun in the range, and those delivered in it. $1 start and $2 end of the range.
WITH step AS (
    SELECT carrier, 1 AS shipments, 0 AS delivered, NULL::numeric AS seconds, NULL::boolean AS on_time
    FROM shipments
    WHERE first_at >= $1::timestamptz AND first_at < $2::timestamptz
    UNION ALL
    SELECT carrier, 0, 1, extract(epoch FROM delivered_at - in_transit_at), delivered_at <= promised_at
    FROM shipments
    WHERE delivered_at >= $1::timestamptz AND delivered_at < $2::timestamptz
)
SELECT carrier, sum(shipments) AS shipments, sum(delivered) AS delivered,
    (avg(seconds) / 3600)::float8 AS average_delivery_hours,
    100 * count(*) FILTER (WHERE on_time)::float8 / nullif(count(on_time), 0) AS on_time_rate
FROM step
GROUP BY carrier
ORDER BY shipments DESC, delivered DESC, carrier
LIMIT 1000
