-- Events of the last quarter of an hour but one before $1, so that late ones have come, against the same
-- quarter of up to 14 days before in zone $2, of which there must be 7. A deviation is at least the root of the
-- mean, which counts of rare events scatter by; ten events more or less are none.
WITH quarters AS (
    SELECT n, ((date_bin('15 minutes', $1::timestamptz, 'epoch') - interval '30 minutes') AT TIME ZONE $2
               - n * interval '1 day') AT TIME ZONE $2 AS quarter
    FROM generate_series(0, 14) n
), known AS (
    SELECT n, quarter FROM quarters WHERE quarter >= (SELECT min(quarter) FROM event_quarters)
), counts AS (
    SELECT k.n, k.quarter, t.event_type, coalesce(e.events, 0) AS events
    FROM known k
    CROSS JOIN (SELECT DISTINCT event_type FROM event_quarters e JOIN known k USING (quarter)) t
    LEFT JOIN event_quarters e USING (quarter, event_type)
), compared AS (
    SELECT
        event_type, max(events) FILTER (WHERE n = 0) AS events, avg(events) FILTER (WHERE n > 0) AS mean,
        greatest(stddev_samp(events) FILTER (WHERE n > 0), sqrt(avg(events) FILTER (WHERE n > 0)), 1) AS deviation
    FROM counts
    GROUP BY event_type
    HAVING count(*) FILTER (WHERE n > 0) >= 7
)
INSERT INTO anomalies (quarter, event_type, events, mean, deviation, z_score)
SELECT (SELECT quarter FROM quarters WHERE n = 0), event_type, events, round(mean, 2), round(deviation, 2),
       round((events - mean) / deviation, 2)
FROM compared
WHERE abs(events - mean) >= 3 * deviation AND abs(events - mean) > 10
ON CONFLICT (quarter, event_type) DO UPDATE
SET events = excluded.events, mean = excluded.mean, deviation = excluded.deviation, z_score = excluded.z_score
RETURNING event_type, events, mean, z_score
