INSERT INTO registrations (event_key, at, customer_id)
SELECT event_key, at, customer_id FROM projecting_rest WHERE event_type = 'customer_registered' AND customer_id IS NOT NULL
ON CONFLICT DO NOTHING
