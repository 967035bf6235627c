INSERT INTO sessions AS s
SELECT session_id, seen_at, first_at, last_at, reached, bought, device, device_at, source, source_at, customer_id,
    customer_at, page_url, page_at, steps
FROM session_merges
ON CONFLICT (session_id) DO UPDATE SET
    seen_at = excluded.seen_at, first_at = excluded.first_at, last_at = excluded.last_at, reached = excluded.reached,
    bought = excluded.bought, device = excluded.device, device_at = excluded.device_at, source = excluded.source,
    source_at = excluded.source_at, customer_id = excluded.customer_id, customer_at = excluded.customer_at,
    page_url = excluded.page_url, page_at = excluded.page_at, steps = excluded.steps
