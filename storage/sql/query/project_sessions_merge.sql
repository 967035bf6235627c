-- The step's sessions as they are with its events.
INSERT INTO session_merges
SELECT
    n.session_id, greatest(s.seen_at, n.seen_at), least(s.first_at, n.first_at), greatest(s.last_at, n.last_at),
    steps_reached(m.steps), coalesce(s.bought, false) OR n.bought,
    CASE WHEN c.device THEN n.device ELSE s.device END, CASE WHEN c.device THEN n.device_at ELSE s.device_at END,
    CASE WHEN c.source THEN n.source ELSE s.source END, CASE WHEN c.source THEN n.source_at ELSE s.source_at END,
    CASE WHEN c.customer THEN n.customer_id ELSE s.customer_id END, CASE WHEN c.customer THEN n.customer_at ELSE s.customer_at END,
    CASE WHEN c.page THEN n.page_url ELSE s.page_url END, CASE WHEN c.page THEN n.page_at ELSE s.page_at END,
    m.steps, s.first_at, s.reached, s.bought
FROM (
    SELECT
        session_id, max(at) AS seen_at,
        min(at) FILTER (WHERE stage > 0) AS first_at, max(at) FILTER (WHERE stage > 0) AS last_at,
        bool_or(stage IS NOT DISTINCT FROM 5) AS bought,
        min(at) FILTER (WHERE device IS NOT NULL) AS device_at,
        (array_agg(device ORDER BY at, device COLLATE "C") FILTER (WHERE device IS NOT NULL))[1] AS device,
        min(at) FILTER (WHERE source IS NOT NULL) AS source_at,
        (array_agg(source ORDER BY at, source COLLATE "C") FILTER (WHERE source IS NOT NULL))[1] AS source,
        max(at) FILTER (WHERE customer_id IS NOT NULL) AS customer_at,
        (array_agg(customer_id ORDER BY at DESC, customer_id COLLATE "C" DESC) FILTER (WHERE customer_id IS NOT NULL))[1]
            AS customer_id,
        max(at) FILTER (WHERE page_url IS NOT NULL) AS page_at,
        (array_agg(page_url ORDER BY at DESC, page_url COLLATE "C" DESC) FILTER (WHERE page_url IS NOT NULL))[1] AS page_url,
        array_agg(us * 8 + stage) FILTER (WHERE stage > 0) AS steps
    FROM (
        SELECT session_id, at, us, stage, customer_id, properties ->> 'device_type' AS device,
            properties ->> 'traffic_source' AS source, CASE WHEN stage = 1 THEN properties ->> 'page_url' END AS page_url
        FROM projecting
        WHERE session_id IS NOT NULL
        OFFSET 0
    ) e
    GROUP BY session_id
) n
LEFT JOIN sessions s ON s.session_id = n.session_id
CROSS JOIN LATERAL (
    SELECT
        n.device_at IS NOT NULL AND (s.device_at IS NULL OR (n.device_at, n.device COLLATE "C") < (s.device_at, s.device)) AS device,
        n.source_at IS NOT NULL AND (s.source_at IS NULL OR (n.source_at, n.source COLLATE "C") < (s.source_at, s.source)) AS source,
        n.customer_at IS NOT NULL
            AND (s.customer_at IS NULL OR (n.customer_at, n.customer_id COLLATE "C") > (s.customer_at, s.customer_id)) AS customer,
        n.page_at IS NOT NULL AND (s.page_at IS NULL OR (n.page_at, n.page_url COLLATE "C") > (s.page_at, s.page_url)) AS page
    OFFSET 0
) c
CROSS JOIN LATERAL (SELECT merged_steps(s.steps, n.steps) AS steps OFFSET 0) m
