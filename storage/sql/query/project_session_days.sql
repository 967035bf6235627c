INSERT INTO session_days AS d (day, device, source, sessions, bought, reached1, reached2, reached3, reached4, reached5)
SELECT
    (c.first_at AT TIME ZONE b.zone)::date, coalesce(c.device, ''), coalesce(c.source, ''), sum(sign), sum(sign * c.bought::int),
    sum(sign * (c.reached >= 1)::int), sum(sign * (c.reached >= 2)::int), sum(sign * (c.reached >= 3)::int),
    sum(sign * (c.reached >= 4)::int), sum(sign * (c.reached >= 5)::int)
FROM session_merges m
CROSS JOIN LATERAL (
    VALUES (1, m.first_at, m.bought, m.reached, m.device, m.source),
        (-1, m.was_first_at, m.was_bought, m.was_reached, m.was_device, m.was_source)
) c (sign, first_at, bought, reached, device, source)
CROSS JOIN reporting_basis b
WHERE c.first_at IS NOT NULL AND (m.first_at, m.bought, m.reached, m.device, m.source)
    IS DISTINCT FROM (m.was_first_at, m.was_bought, m.was_reached, m.was_device, m.was_source)
GROUP BY 1, 2, 3
ON CONFLICT (day, device, source) DO UPDATE SET
    sessions = d.sessions + excluded.sessions, bought = d.bought + excluded.bought,
    reached1 = d.reached1 + excluded.reached1, reached2 = d.reached2 + excluded.reached2,
    reached3 = d.reached3 + excluded.reached3, reached4 = d.reached4 + excluded.reached4,
    reached5 = d.reached5 + excluded.reached5
