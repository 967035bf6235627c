-- The step's sessions as they are with its events.
INSERT INTO session_merges
SELECT
    n.session_id, greatest(s.seen_at, n.seen_at), least(s.first_at, n.first_at), greatest(s.last_at, n.last_at),
    steps_reached(m.steps), coalesce(s.bought, false) OR n.bought,
    CASE WHEN c.device THEN n.device ELSE s.device END, CASE WHEN c.device THEN n.device_at ELSE s.device_at END,
    CASE WHEN c.source THEN n.source ELSE s.source END, CASE WHEN c.source THEN n.source_at ELSE s.source_at END,
    CASE WHEN c.customer THEN n.customer_id ELSE s.customer_id END, CASE WHEN c.customer THEN n.customer_at ELSE s.customer_at END,
    CASE WHEN c.page THEN n.page_url ELSE s.page_url END, CASE WHEN c.page THEN n.page_at ELSE s.page_at END,
    m.steps, s.first_at, s.reached, s.bought, s.device, s.source
FROM (
    -- Earliest and latest: the least and the greatest of time, in 16 hex digits, and value behind it.
    SELECT
        session_id, max(at) AS seen_at,
        min(at) FILTER (WHERE stage > 0) AS first_at, max(at) FILTER (WHERE stage > 0) AS last_at,
        bool_or(stage IS NOT DISTINCT FROM 5) AS bought,
        min(at) FILTER (WHERE device IS NOT NULL) AS device_at,
        substr(min((moment || device) COLLATE "C"), 17) AS device,
        min(at) FILTER (WHERE source IS NOT NULL) AS source_at,
        substr(min((moment || source) COLLATE "C"), 17) AS source,
        max(at) FILTER (WHERE customer_id IS NOT NULL) AS customer_at,
        substr(max((moment || customer_id) COLLATE "C"), 17) AS customer_id,
        max(at) FILTER (WHERE page_url IS NOT NULL) AS page_at,
        substr(max((moment || page_url) COLLATE "C"), 17) AS page_url,
        array_agg(us * 8 + stage) FILTER (WHERE stage > 0) AS steps
    FROM (
        SELECT session_id, at, us, to_hex(us + (1::bigint << 61)) AS moment, stage, customer_id,
            properties ->> 'device_type' AS device, properties ->> 'traffic_source' AS source,
            CASE WHEN stage = 1 THEN properties ->> 'page_url' END AS page_url
        FROM projecting
        WHERE session_id IS NOT NULL
        OFFSET 0
    ) e
    GROUP BY session_id
) n
-- One by one, by the index: few of many.
LEFT JOIN LATERAL (SELECT * FROM sessions x WHERE x.session_id = n.session_id OFFSET 0) s ON true
CROSS JOIN LATERAL (
    SELECT
        n.device_at IS NOT NULL AND (s.device_at IS NULL OR (n.device_at, n.device COLLATE "C") < (s.device_at, s.device)) AS device,
        n.source_at IS NOT NULL AND (s.source_at IS NULL OR (n.source_at, n.source COLLATE "C") < (s.source_at, s.source)) AS source,
        n.customer_at IS NOT NULL
            AND (s.customer_at IS NULL OR (n.customer_at, n.customer_id COLLATE "C") > (s.customer_at, s.customer_id)) AS customer,
        n.page_at IS NOT NULL AND (s.page_at IS NULL OR (n.page_at, n.page_url COLLATE "C") > (s.page_at, s.page_url)) AS page
    OFFSET 0
) c
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT DISTINCT step FROM unnest(s.steps || n.steps) AS step ORDER BY step LIMIT 10000) AS steps OFFSET 0
) m
