-- Is there anything to project? Marks (set aside ones apart), the age of the oldest in seconds, those set
-- aside, and days whose sums have to be made again.
SELECT
    count(*) FILTER (WHERE NOT set_aside),
    coalesce(extract(epoch FROM now() - min(made_at) FILTER (WHERE NOT set_aside)), 0)::float8,
    count(*) FILTER (WHERE set_aside),
    EXISTS (SELECT FROM stale_days)
FROM projection_marks
