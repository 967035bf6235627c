INSERT INTO session_days AS d (day, sessions, bought, reached1, reached2, reached3, reached4, reached5)
SELECT
    (c.first_at AT TIME ZONE b.zone)::date, sum(sign), sum(sign * bought::int),
    sum(sign * (reached >= 1)::int), sum(sign * (reached >= 2)::int), sum(sign * (reached >= 3)::int),
    sum(sign * (reached >= 4)::int), sum(sign * (reached >= 5)::int)
FROM (
    SELECT 1 AS sign, first_at, bought, reached
    FROM session_merges
    WHERE first_at IS NOT NULL AND (first_at, bought, reached) IS DISTINCT FROM (was_first_at, was_bought, was_reached)
    UNION ALL
    SELECT -1, was_first_at, was_bought, was_reached
    FROM session_merges
    WHERE was_first_at IS NOT NULL AND (first_at, bought, reached) IS DISTINCT FROM (was_first_at, was_bought, was_reached)
) c
CROSS JOIN reporting_basis b
GROUP BY 1
ON CONFLICT (day) DO UPDATE SET
    sessions = d.sessions + excluded.sessions, bought = d.bought + excluded.bought,
    reached1 = d.reached1 + excluded.reached1, reached2 = d.reached2 + excluded.reached2,
    reached3 = d.reached3 + excluded.reached3, reached4 = d.reached4 + excluded.reached4,
    reached5 = d.reached5 + excluded.reached5
