INSERT INTO shipments AS s
SELECT
    shipment_id, min(order_id COLLATE "C"), min(at),
    (array_agg(carrier ORDER BY at DESC, carrier COLLATE "C" DESC) FILTER (WHERE carrier IS NOT NULL))[1],
    max(at) FILTER (WHERE carrier IS NOT NULL),
    (array_agg(promised_at ORDER BY at DESC, promised_at DESC) FILTER (WHERE promised_at IS NOT NULL))[1],
    max(at) FILTER (WHERE promised_at IS NOT NULL),
    min(at) FILTER (WHERE status = 'IN_TRANSIT'), min(at) FILTER (WHERE status = 'DELIVERED')
FROM (
    SELECT at, order_id, status, properties ->> 'shipment_id' AS shipment_id, properties ->> 'carrier_name' AS carrier,
        (properties ->> 'promised_at')::timestamptz AS promised_at
    FROM projecting_rest
    WHERE event_type = 'shipment_status_changed'
) e
GROUP BY shipment_id
ON CONFLICT (shipment_id) DO UPDATE SET
    order_id = least(s.order_id, excluded.order_id COLLATE "C"), first_at = least(s.first_at, excluded.first_at),
    carrier = CASE WHEN s.carrier_at IS NULL OR (excluded.carrier_at, excluded.carrier COLLATE "C") > (s.carrier_at, s.carrier)
                   THEN excluded.carrier ELSE s.carrier END,
    carrier_at = greatest(s.carrier_at, excluded.carrier_at),
    promised_at = CASE WHEN s.promised_said_at IS NULL
                           OR (excluded.promised_said_at, excluded.promised_at) > (s.promised_said_at, s.promised_at)
                       THEN excluded.promised_at ELSE s.promised_at END,
    promised_said_at = greatest(s.promised_said_at, excluded.promised_said_at),
    in_transit_at = least(s.in_transit_at, excluded.in_transit_at),
    delivered_at = least(s.delivered_at, excluded.delivered_at)
