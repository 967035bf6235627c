-- Events, their identities, and what could not be accepted.

-- Month partitions are made ahead and on demand (ensure_events_month); there is no DEFAULT partition: it
-- would forbid DETACH CONCURRENTLY and hide rows. Columns of fixed width come first.
CREATE TABLE analytics_events (
    created_at      timestamptz NOT NULL,           -- the event's own time
    received_at     timestamptz NOT NULL,
    event_key       uuid        NOT NULL,           -- processed_events.event_key
    is_out_of_order boolean     NOT NULL DEFAULT false,
    event_type      text        NOT NULL,           -- canonical: purchase, page_view, ...
    event_id        text        NOT NULL,
    event_source    text        NOT NULL,
    schema_version  text        NOT NULL,           -- v1, v2
    trace_id        text,                           -- 32 hex digits
    cart_id         text,
    session_id      text,
    customer_id     text,
    order_id        text,
    product_id      text,
    amount          numeric,                        -- major units of currency
    currency        text,                           -- ISO 4217
    status          text,                           -- new_status as sent
    ip_address      text,                           -- masked: 203.0.113.0
    user_agent      text,                           -- keyed hash
    email           text,                           -- keyed hash, domain kept
    pii_key_id      text,                           -- which key made the hashes
    items           jsonb,                          -- [{product_id, sku, quantity, price, category, brand, cost, seller_id}]
    properties      jsonb       NOT NULL
) PARTITION BY RANGE (created_at);

CREATE INDEX analytics_events_created_at ON analytics_events USING brin (created_at);
CREATE INDEX analytics_events_purchase ON analytics_events (order_id, created_at) WHERE event_type = 'purchase';

-- One row an identity, over all months: a unique index on a partitioned table would have to contain the
-- partition key, and let a redelivery with another time through.
CREATE TABLE processed_events (
    event_key uuid PRIMARY KEY,                     -- of source and event id
    digest    uuid NOT NULL                         -- of the content; its first byte is the digest's version
);

-- A batch travels as one array of these, in binary; the order of attributes is the encoder's order.
CREATE TYPE event_row AS (
    event_key uuid, digest uuid, created_at timestamptz, received_at timestamptz,
    event_type text, event_id text, event_source text, schema_version text, trace_id text,
    cart_id text, session_id text, customer_id text, order_id text, product_id text,
    amount numeric, currency text, status text, ip_address text, user_agent text, email text,
    pii_key_id text, items jsonb, properties jsonb
);

CREATE TABLE dead_letter_queue (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter_key    uuid        NOT NULL UNIQUE,      -- of source and identity; of unreadable bytes: their keyed hash
    first_seen    timestamptz NOT NULL,
    last_seen     timestamptz NOT NULL,
    deliveries    bigint      NOT NULL DEFAULT 1,   -- how often it came
    retries       integer     NOT NULL DEFAULT 0,
    status        text        NOT NULL DEFAULT 'pending',
    event_id      text,
    event_type    text,
    topic         text,
    source        text,
    trace_id      text,
    error_code    text        NOT NULL,
    error_field   text        NOT NULL,
    error_message text        NOT NULL,
    payload       text        NOT NULL              -- anonymized
);

CREATE TYPE letter_row AS (
    letter_key uuid, received_at timestamptz, event_id text, event_type text, topic text, source text,
    trace_id text, error_code text, error_field text, error_message text, payload text
);

-- Rates to the reporting currency, by business day: 1 unit of currency is worth rate.
CREATE TABLE fx_rates (
    day      date    NOT NULL,
    currency text    NOT NULL,
    rate     numeric NOT NULL CHECK (rate > 0),
    PRIMARY KEY (day, currency)
);

-- Settings that belong to the data: e.g. the pseudonymization key when none is configured.
CREATE TABLE service_settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- Makes the partition for the month that holds t; safe when several callers ask at once. ATTACH locks
-- less than CREATE TABLE ... PARTITION OF would.
CREATE FUNCTION ensure_events_month(t timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', t, 'UTC');
    after timestamptz := ((first AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
    part  text := 'analytics_events_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_events_month'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE analytics_events INCLUDING DEFAULTS)', part);
    EXECUTE format('ALTER TABLE analytics_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, after);
END
$$;
