-- The months of the retention window and two to come; $1: days of retention.
SELECT m::text
FROM generate_series(date_trunc('month', now() - $1::integer * interval '1 day', 'UTC'),
                     now() + interval '2 months', interval '1 month') AS m
