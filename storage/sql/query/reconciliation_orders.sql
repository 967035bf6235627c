-- The orders of the local day $1: ours ($2) against the order service's ($3), or why that is not known ($4); $5: the
-- run's fencing number. The two need not agree to the last order: their clocks differ at midnight.
INSERT INTO reconciliation_reports (day, subject, event_type, expected, actual, gap_ratio, severity, note, fence)
SELECT
    $1::date, 'orders', 'purchase', expected, actual,
    CASE WHEN expected IS NOT NULL THEN round(greatest(1 - actual::numeric / nullif(expected, 0), 0), 4) END,
    CASE
        WHEN expected IS NULL THEN 'skipped'
        WHEN actual < 0.8 * expected THEN 'critical'
        WHEN actual < 0.99 * expected OR actual > 1.01 * expected THEN 'warning'
        ELSE 'ok'
    END,
    coalesce($4, CASE WHEN actual > expected THEN 'more than the order service has' END), $5::bigint
FROM (SELECT $2::bigint AS actual, $3::bigint AS expected) c
RETURNING severity
