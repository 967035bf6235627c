-- storage/sql/query/ingest_events.sql
-- Stores a batch: new identities first, in the order of their keys (two batches that claim keys in
-- different orders would deadlock), then how far their entities have come, then the rows of the new
-- ones, and a mark for the projector where these are.
-- Entities are locked when all keys are claimed (the count sees to that) and in the order of their keys, so
-- nobody who holds one waits for anything but a higher one. An event is late when it is behind its entity's
-- state before this batch, or was found so within the batch.
-- Returns the keys that were not new, and those of late events.
-- $1, $2, $3: the batch's entities, sorted, none twice, with their highest sequence and latest time in it;
-- those of events that were there already move nothing, they have been counted.
-- $4: the batch, sorted by key, no key twice.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($4::event_row[])
), claimed AS (
    INSERT INTO processed_events_current (event_key, digest)
    SELECT event_key, digest FROM batch
    WHERE NOT EXISTS (SELECT FROM processed_events_older AS o WHERE o.event_key = batch.event_key)
    ORDER BY event_key
    ON CONFLICT DO NOTHING
    RETURNING event_key
),
-- @ingest_rows
    WHERE event_key IN (SELECT event_key FROM claimed)
    RETURNING event_key, is_out_of_order, created_at, tableoid AS part, ctid AS row_id
), marked AS (
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, array_agg(row_id), min(created_at), max(created_at) FROM stored GROUP BY part
)
SELECT event_key, false FROM batch WHERE event_key NOT IN (SELECT event_key FROM claimed)
UNION ALL
SELECT event_key, true FROM stored WHERE is_out_of_order
