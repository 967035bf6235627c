-- The segments as of the end of the business day $1.
INSERT INTO customer_segments AS c (customer_id, as_of, recency, frequency, monetary, segment, lifetime_value)
SELECT s.customer_id, $1::date, s.recency, s.frequency, s.monetary, s.segment, s.lifetime_value
FROM reporting_basis b
CROSS JOIN LATERAL customer_scores(day_start(($1::date + 1 - interval '12 months')::date, b.zone),
                                   day_start($1::date + 1, b.zone)) s
ORDER BY s.customer_id
ON CONFLICT (customer_id) DO UPDATE
SET as_of = excluded.as_of, recency = excluded.recency, frequency = excluded.frequency, monetary = excluded.monetary,
    segment = excluded.segment, lifetime_value = excluded.lifetime_value
