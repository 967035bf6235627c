-- Segments of the customers with an order in the 12 months up to the end of the range.
-- $1 end of the range, $2 zone.
WITH scored AS (
    SELECT segment, lifetime_value
    FROM customer_scores(($1::timestamptz AT TIME ZONE $2::text - interval '12 months') AT TIME ZONE $2::text, $1::timestamptz)
)
SELECT n.segment, count(s.segment) AS count,
    100 * count(s.segment)::float8 / nullif((SELECT count(*) FROM scored), 0) AS percentage,
    round(avg(s.lifetime_value), min(b.decimals)) AS average_clv
FROM unnest('{Champions,Loyal,New,Potential,At Risk,Lost,Other}'::text[]) WITH ORDINALITY AS n (segment, place)
CROSS JOIN reporting_basis b
LEFT JOIN scored s USING (segment)
GROUP BY n.segment, n.place
ORDER BY n.place
