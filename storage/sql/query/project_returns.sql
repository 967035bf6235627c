INSERT INTO returns AS r
SELECT
    return_id, min(order_id COLLATE "C"),
    min(at) FILTER (WHERE event_type = 'return_requested'), min(at) FILTER (WHERE event_type = 'return_approved'),
    min(at) FILTER (WHERE event_type = 'return_rejected'), min(at) FILTER (WHERE event_type = 'return_completed'),
    (array_agg(reason ORDER BY at, reason COLLATE "C") FILTER (WHERE reason IS NOT NULL))[1],
    min(at) FILTER (WHERE reason IS NOT NULL)
FROM (
    SELECT at, event_type, order_id, properties ->> 'return_id' AS return_id, properties #>> '{reason,code}' AS reason
    FROM projecting_rest
    WHERE event_type IN ('return_requested', 'return_approved', 'return_rejected', 'return_completed')
) e
GROUP BY return_id
ON CONFLICT (return_id) DO UPDATE SET
    order_id = least(r.order_id, excluded.order_id COLLATE "C"),
    requested_at = least(r.requested_at, excluded.requested_at), approved_at = least(r.approved_at, excluded.approved_at),
    rejected_at = least(r.rejected_at, excluded.rejected_at), completed_at = least(r.completed_at, excluded.completed_at),
    reason = CASE WHEN r.reason_at IS NULL OR (excluded.reason_at, excluded.reason COLLATE "C") < (r.reason_at, r.reason)
                  THEN excluded.reason ELSE r.reason END,
    reason_at = least(r.reason_at, excluded.reason_at)
