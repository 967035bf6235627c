-- Who did something in the last 5 minutes, the latest first, at most 10: customers, else sessions. $1 now.
SELECT user_id, left(page_url, 2000) AS current_page,
    to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS last_activity
FROM (
    SELECT DISTINCT ON (coalesce(customer_id, session_id)) coalesce(customer_id, session_id) AS user_id, page_url, seen_at
    FROM sessions
    WHERE seen_at >= $1::timestamptz - interval '5 minutes'
    ORDER BY coalesce(customer_id, session_id), seen_at DESC, session_id
) u
ORDER BY seen_at DESC, user_id
LIMIT 10
