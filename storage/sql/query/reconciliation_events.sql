-- The events of the local day $1 in zone $2, each type of which 20 or more a day were usual in the 7 days before,
-- against the mean of these days; $3: the run's fencing number. Counted from the events themselves: what was lost
-- behind the counts shows as well.
WITH counts AS (
    SELECT (created_at AT TIME ZONE $2)::date AS day, event_type, count(*) AS events
    FROM analytics_events
    WHERE created_at >= ($1::date - 7)::timestamp AT TIME ZONE $2 AND created_at < ($1::date + 1)::timestamp AT TIME ZONE $2
    GROUP BY 1, 2
), compared AS (
    SELECT
        event_type,
        sum(events) FILTER (WHERE day < $1::date) / 7 AS expected,
        coalesce(sum(events) FILTER (WHERE day = $1::date), 0) AS actual
    FROM counts
    GROUP BY 1
)
INSERT INTO reconciliation_reports (day, subject, event_type, expected, actual, gap_ratio, severity, fence)
SELECT
    $1::date, 'events', event_type, round(expected, 2), actual, round(greatest(1 - actual / expected, 0), 4),
    CASE WHEN actual >= 0.8 * expected THEN 'ok' WHEN actual >= 0.5 * expected THEN 'warning' ELSE 'critical' END, $3::bigint
FROM compared
WHERE expected >= 20
RETURNING event_type, severity, gap_ratio
