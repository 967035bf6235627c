INSERT INTO customers AS c (customer_id, first_seen_at)
SELECT customer_id, min(at) FROM projecting WHERE customer_id IS NOT NULL GROUP BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET first_seen_at = excluded.first_seen_at
WHERE excluded.first_seen_at < c.first_seen_at
