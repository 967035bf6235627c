-- What each event type takes up, the dearest first; a partition of more than $1 pages is sampled.
SELECT event_type, sum(events)::bigint, sum(bytes)::bigint, bool_or(sampled)
FROM storage_cost($1::bigint)
GROUP BY event_type
ORDER BY 3 DESC, 1
