-- Carriers from raw rows; a shipment that was delivered in the range may have left before it. $1 start, $2 end.
SELECT carrier, count(*), avg(delivered - sent), avg((delivered <= promised)::int)
FROM (
    SELECT properties ->> 'shipment_id', max(properties ->> 'carrier_name') AS carrier,
        min(created_at) FILTER (WHERE status = 'IN_TRANSIT') AS sent, min(created_at) FILTER (WHERE status = 'DELIVERED') AS delivered,
        max((properties ->> 'promised_at')::timestamptz) AS promised
    FROM analytics_events
    WHERE event_type = 'shipment_status_changed' AND created_at < $2::timestamptz
    GROUP BY 1
) s
WHERE delivered >= $1::timestamptz
GROUP BY carrier
