-- The months of the retention window ($1 days back) and two to come.
SELECT ensure_events_month(t)
FROM generate_series(now() - make_interval(days => $1::int), now() + interval '2 months', interval '1 month') AS t
