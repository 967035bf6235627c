-- The stored digests of identities that were there already. A statement of its own: its snapshot sees rows
-- that a concurrent transaction committed after the batch's snapshot was taken.
SELECT event_key, digest FROM processed_events WHERE event_key = ANY ($1::uuid[])
