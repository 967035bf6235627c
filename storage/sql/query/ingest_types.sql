-- The OIDs of the composite types that batches are made of; they differ from database to database.
SELECT 'event_row'::regtype::oid, 'letter_row'::regtype::oid
