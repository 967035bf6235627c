-- The same by what sessions say of themselves. $1 start, $2 end, $3 device or source. A session that an end of the
-- range cuts counts as far as it got within; all others as they are.
WITH one AS (
    SELECT CASE $3::text WHEN 'device' THEN device ELSE source END AS segment, reached::integer AS reached
    FROM sessions
    WHERE first_at >= $1::timestamptz AND first_at < $2::timestamptz AND last_at < $2::timestamptz
    UNION ALL
    SELECT CASE $3::text WHEN 'device' THEN c.device ELSE c.source END, i.reached
    FROM sessions_cut($1::timestamptz, $2::timestamptz) c, LATERAL funnel_cut(c.steps, $1, $2) i
    WHERE i.there
), counted AS (
    SELECT segment, reached, count(*) AS n
    FROM one
    GROUP BY segment, reached
), segments AS (
    SELECT segment, sum(n) AS sessions, coalesce(sum(n) FILTER (WHERE reached >= 1), 0)::bigint AS reached1,
        coalesce(sum(n) FILTER (WHERE reached >= 2), 0)::bigint AS reached2,
        coalesce(sum(n) FILTER (WHERE reached >= 3), 0)::bigint AS reached3,
        coalesce(sum(n) FILTER (WHERE reached >= 4), 0)::bigint AS reached4,
        coalesce(sum(n) FILTER (WHERE reached >= 5), 0)::bigint AS reached5
    FROM counted
    GROUP BY segment
)
SELECT g.segment, s.stage, s.users, s.rate
FROM segments g, LATERAL funnel_stages(g.reached1, g.reached2, g.reached3, g.reached4, g.reached5) s
ORDER BY g.sessions DESC, g.segment NULLS LAST, s.n
