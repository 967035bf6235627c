-- Stores a batch as ingest_events does, on the guess that every identity in it is new: no row is checked for
-- being there already, which is a good part of that statement's work. Where the guess is wrong it fails with
-- a unique violation and stores nothing.
-- Parameters as there; returns a row for each late event.
WITH batch AS MATERIALIZED (
    SELECT * FROM unnest($4::event_row[])
), claimed AS (
    INSERT INTO processed_events_current (event_key, digest)
    SELECT event_key, digest FROM batch
    WHERE CASE WHEN EXISTS (SELECT FROM processed_events_older AS o WHERE o.event_key = batch.event_key)
               THEN identity_is_taken() ELSE true END
    ORDER BY event_key
    RETURNING event_key
),
-- @ingest_rows
    RETURNING is_out_of_order, created_at, tableoid AS part, ctid AS row_id
), marked AS (
    INSERT INTO projection_marks (part, row_ids, from_at, to_at)
    SELECT part, array_agg(row_id), min(created_at), max(created_at) FROM stored GROUP BY part
)
SELECT NULL::uuid, true FROM stored WHERE is_out_of_order
