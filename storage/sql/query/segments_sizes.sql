INSERT INTO segment_sizes (as_of, segment, customers, average_value)
SELECT $1::date, segment, count(*), round(avg(lifetime_value), 2)
FROM customer_segments
GROUP BY segment
RETURNING segment, customers
