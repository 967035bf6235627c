-- Segments of the customers with an order in the 12 months up to the end of the range.
-- $1 end of the range, $2 zone.
WITH sizes AS (
    SELECT segment, count(*) AS customers, avg(lifetime_value) AS value
    FROM customer_scores(($1::timestamptz AT TIME ZONE $2::text - interval '12 months') AT TIME ZONE $2::text, $1::timestamptz)
    GROUP BY segment
)
SELECT n.segment, coalesce(s.customers, 0) AS count,
    100 * coalesce(s.customers, 0)::float8 / (SELECT sum(customers) FROM sizes) AS percentage,
    round(s.value, b.decimals) AS average_clv
FROM unnest('{Champions,Loyal,New,Potential,At Risk,Lost,Other}'::text[]) WITH ORDINALITY AS n (segment, place)
CROSS JOIN reporting_basis b
LEFT JOIN sizes s USING (segment)
ORDER BY n.place
