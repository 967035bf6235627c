-- The stages of the funnel in a range. $1 its start, $2 its end.
SELECT s.stage, s.users, s.rate
FROM funnel($1::timestamptz, $2::timestamptz) f,
    LATERAL funnel_stages(f.reached1, f.reached2, f.reached3, f.reached4, f.reached5) s
ORDER BY s.n
