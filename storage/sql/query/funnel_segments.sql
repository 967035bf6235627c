-- The same by what sessions say of themselves. $1 start, $2 end, $3 device or source.
WITH segments AS (
    SELECT nullif(CASE $3::text WHEN 'device' THEN device ELSE source END, '') AS segment, sum(sessions) AS sessions,
        sum(reached1)::bigint AS reached1, sum(reached2)::bigint AS reached2, sum(reached3)::bigint AS reached3,
        sum(reached4)::bigint AS reached4, sum(reached5)::bigint AS reached5
    FROM funnel_parts($1::timestamptz, $2::timestamptz)
    GROUP BY 1
    HAVING sum(sessions) > 0
)
SELECT g.segment, s.stage, s.users, s.rate
FROM segments g, LATERAL funnel_stages(g.reached1, g.reached2, g.reached3, g.reached4, g.reached5) s
ORDER BY g.sessions DESC, g.segment NULLS LAST, s.n
