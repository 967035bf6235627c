-- How far each entity (an order, a session, ...) of each source has come, so that an older event that
-- arrives later is known as one.

-- Every event of an entity updates its row, and the columns that change are in no index: part of a page
-- is left free, so that a new version finds its place beside the old one.
CREATE TABLE event_sequence_tracking (
    entity_key        uuid PRIMARY KEY,             -- XXH3-128 of source, 0, kind, 0, id
    last_sequence     bigint,                       -- the highest of events that carried one
    last_time         timestamptz,                  -- the latest of those that did not
    previous_sequence bigint,                       -- both before the last batch, which is judged by them
    previous_time     timestamptz,
    touched_on        date NOT NULL DEFAULT current_date
) WITH (fillfactor = 60);

DROP TYPE event_row;
CREATE TYPE event_row AS (
    event_key uuid, digest uuid, created_at timestamptz, received_at timestamptz, is_out_of_order boolean,
    entity_key uuid, sequence bigint,
    event_type text, event_id text, event_source text, schema_version text, trace_id text,
    cart_id text, session_id text, customer_id text, order_id text, product_id text,
    amount numeric, currency text, status text, ip_address text, user_agent text, email text,
    pii_key_id text, items jsonb, properties jsonb
);
