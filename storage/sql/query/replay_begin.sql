-- The range [$1, $2): instants, or dates, which mean their whole day in the zone $3. Its bounds, the first month
-- with events of it, and the pages of all of them.
WITH bounds AS (
    SELECT CASE WHEN length($1::text) = 10 THEN day_start($1::date, $3::text) ELSE $1::timestamptz END AS start,
           CASE WHEN length($2::text) = 10 THEN day_start($2::date + 1, $3::text) ELSE $2::timestamptz END AS until
)
SELECT start::text, until::text, start < until, min(m.part COLLATE "C"), coalesce(sum(m.pages), 0)::bigint
FROM bounds LEFT JOIN replay_months(start, until) AS m ON true
GROUP BY start, until
